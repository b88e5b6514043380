// An issuer of identity tokens on loopback: it publishes valid keys unless a test changes them.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, type JWK } from 'jose';

type Keys = Awaited<ReturnType<typeof generateKeyPair>>;

/** A key pair and its public half as it is published. */
export interface NamedKey extends Keys {
  readonly kid: string;
  readonly alg: string;
  readonly jwk: JWK;
}

/** Makes a key. */
export async function namedKey(kid: string, alg = 'ES256'): Promise<NamedKey> {
  const keys = await generateKeyPair(alg, { extractable: true });
  return { ...keys, kid, alg, jwk: { ...(await exportJWK(keys.publicKey)), kid, alg, use: 'sig' } };
}

/** Answers in place of the issuer; `undefined` = the issuer answers. */
export type Answering = (path: string, answer: ServerResponse) => boolean | Promise<boolean>;

/** A running issuer. */
export interface Issuer {
  readonly url: string;
  /** Paths of all requests. */
  readonly asked: string[];
  /** The published keys; may be changed. */
  keys: readonly JWK[];
  configuration: Readonly<Record<string, unknown>>;
  /** True when it has answered, or never will. */
  instead: Answering;
  close(): Promise<void>;
}

/** Starts an issuer that publishes these keys; with a certificate for 127.0.0.1 over https. */
export async function startIssuer(
  keys: readonly JWK[],
  tls?: { readonly key: string; readonly cert: string },
): Promise<Issuer> {
  const listener = (request: IncomingMessage, response: ServerResponse): void =>
    void serve(request, response);
  const server = tls ? createTlsServer(tls, listener) : createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const url = `${tls ? 'https' : 'http'}://127.0.0.1:${String(port)}`;
  const issuer: Issuer = {
    url,
    asked: [],
    keys,
    configuration: { issuer: url, jwks_uri: `${url}/keys` },
    instead: () => false,
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
  const serve = async ({ url: path = '' }: IncomingMessage, response: ServerResponse) => {
    issuer.asked.push(path);
    if (await issuer.instead(path, response)) return;
    const pages: Readonly<Record<string, object>> = {
      '/.well-known/openid-configuration': issuer.configuration,
      '/keys': { keys: issuer.keys },
    };
    const page = pages[path];
    response.writeHead(page ? 200 : 404, { 'content-type': 'application/json' });
    response.end(JSON.stringify(page ?? {}));
  };
  return issuer;
}

/** Signs a token. */
export function sign(
  { kid, alg, privateKey }: Pick<NamedKey, 'kid' | 'alg' | 'privateKey'>,
  claims: Readonly<Record<string, unknown>>,
  header: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  return new SignJWT({ ...claims }).setProtectedHeader({ alg, kid, ...header }).sign(privateKey);
}

/** A token in the compact form, built by hand; the caller chooses the signed content. */
export function compact(header: object, claims: object, signature: (input: string) => string): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const input = `${part(header)}.${part(claims)}`;
  return `${input}.${signature(input)}`;
}
