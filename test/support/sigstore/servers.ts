// Fulcio, Rekor and a timestamp authority on loopback, for signers that request from them.
import { createHash, verify } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { signingKey } from '../signing.ts';
import type { AlternativeName } from './der.ts';
import { OPENID_ISSUER } from './fulcio.ts';
import { entryBody } from './entries.ts';
import type { Sigstore } from './instance.ts';
import { certificatePem } from './sign.ts';

/** One of the three. */
export type Party = 'fulcio' | 'rekor' | 'tsa';

/** The answer of one of them in place of its normal one; `hang` = no answer at all. */
export type Instead = { readonly status: number; readonly body?: string } | 'hang';

export interface Servers {
  /** Where each of them is. */
  readonly url: string;
  /** The number of requests to each. */
  readonly asked: Readonly<Record<Party, number>>;
  /** The identity tokens that Fulcio received. */
  readonly tokens: readonly string[];
  /** Makes one of them misbehave, until `undefined` ends it. */
  instead(party: Party, answer: Instead | undefined): void;
  /** Lets certificates end at this moment instead of a few minutes from now. */
  certificatesEnd(at: Date): void;
  stop(): Promise<void>;
}

const PATHS: Readonly<Record<string, Party>> = {
  '/api/v2/signingCert': 'fulcio',
  '/api/v1/log/entries': 'rekor',
  '/api/v1/timestamp': 'tsa',
};

/** Starts the three of them on one port. */
export async function startServers(sigstore: Sigstore): Promise<Servers> {
  const asked = { fulcio: 0, rekor: 0, tsa: 0 };
  const tokens: string[] = [];
  const misbehaving = new Map<Party, Instead>();
  let end: Date | undefined;
  const answers: Readonly<Record<Party, (body: unknown) => Promise<string | Buffer>>> = {
    fulcio: async (body) => {
      const { identityToken, publicKey, names } = readCertificateRequest(body);
      tokens.push(identityToken);
      const key = { ...signingKey(), pem: publicKey };
      const { certificate } = await sigstore.certify({
        key,
        names,
        // As Fulcio has it: cosign reads the one for signatures of the first generation, and both for bundles.
        oldIssuer: OPENID_ISSUER,
        ...(end && { to: end }),
      });
      const certificates = [certificate, sigstore.authority.root.der].map(certificatePem);
      return JSON.stringify({ signedCertificateEmbeddedSct: { chain: { certificates } } });
    },
    rekor: async (body) =>
      JSON.stringify({ [`${asked.rekor}`.padStart(64, '0')]: await sigstore.log(logged(body)) }),
    tsa: (body) => sigstore.timestampHash(Buffer.from((body as TimestampRequest).artifactHash, 'base64')),
  };
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const party = PATHS[request.url ?? ''];
    const body = await buffer(request);
    if (!party) return void response.writeHead(404).end();
    asked[party] += 1;
    const instead = misbehaving.get(party);
    if (instead === 'hang') return;
    const type = { 'content-type': party === 'tsa' ? 'application/timestamp-reply' : 'application/json' };
    if (instead) return void response.writeHead(instead.status, type).end(instead.body);
    response.writeHead(201, type).end(await answers[party](JSON.parse(body.toString())));
  };
  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      response.writeHead(400).end(String(error));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    tokens,
    instead: (party, answer) => {
      if (answer) misbehaving.set(party, answer);
      else misbehaving.delete(party);
    },
    certificatesEnd: (at) => {
      end = at;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

/** An identity token as an issuer of the tests makes it; these servers do not check its signature. */
export function identityToken(claims: Readonly<Record<string, unknown>>): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'ES256', typ: 'JWT' })}.${part(claims)}.${Buffer.from('signed').toString('base64url')}`;
}

interface TimestampRequest {
  readonly artifactHash: string;
}

interface CertificateRequest {
  readonly credentials: { readonly oidcIdentityToken: string };
  readonly publicKeyRequest: {
    readonly publicKey: { readonly content: string };
    readonly proofOfPossession: string;
  };
}

/** The client has to prove possession of the key, by signing the subject of the token. */
function readCertificateRequest(body: unknown): {
  identityToken: string;
  publicKey: string;
  names: readonly AlternativeName[];
} {
  const { credentials, publicKeyRequest } = body as CertificateRequest;
  const [, payload = ''] = credentials.oidcIdentityToken.split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, string>;
  const { email, sub = '' } = claims;
  const publicKey = publicKeyRequest.publicKey.content;
  const proof = Buffer.from(publicKeyRequest.proofOfPossession, 'base64');
  if (!verify('sha256', Buffer.from(email ?? sub), publicKey, proof))
    throw new Error('no proof of possession');
  const names = [email === undefined ? { uri: sub } : { email }];
  return { identityToken: credentials.oidcIdentityToken, publicKey, names };
}

interface ProposedEntry {
  readonly kind: string;
  readonly spec: {
    readonly proposedContent?: { readonly envelope: string; readonly verifiers: readonly string[] };
  };
}

/** An entry as it is proposed, as the log keeps it: of an envelope its hashes and its verifier. */
function logged(proposed: unknown): object {
  const { proposedContent } = (proposed as ProposedEntry).spec;
  if (!proposedContent) return proposed as object;
  const { payload, signatures } = JSON.parse(proposedContent.envelope) as {
    payload: string;
    signatures: readonly { readonly sig: string }[];
  };
  const body = entryBody('dsse 0.0.1', {
    data: Buffer.alloc(0),
    payload: Buffer.from(payload, 'base64'),
    signature: Buffer.from(signatures[0]?.sig ?? '', 'base64'),
    verifier: Buffer.from(proposedContent.verifiers[0] ?? '', 'base64').toString(),
  });
  const value = createHash('sha256').update(proposedContent.envelope).digest('hex');
  return { ...body, spec: { ...body.spec, envelopeHash: { algorithm: 'sha256', value } } };
}
