import { createHmac } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Agent, request } from 'undici';
import { namedKey, sign, startIssuer } from '../../../clients/oidc/issuer.ts';
import { createAuthority } from '../../../support/certificates.ts';
import { freePort } from '../programs/ports.ts';
import { openWorkspace } from '../programs/workspace.ts';

/** An event as it is sent. */
export interface SentEvents {
  readonly to: 'ghcr' | 'harbor' | 'generic' | 'quay';
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The senders of events, with their credentials. */
export interface Senders {
  /** `settings.events.receivers`. */
  readonly receivers: readonly object[];
  /** The address to which they send. */
  readonly listen: string;
  /** Variables with which the replicas trust the issuer's CA. */
  readonly environment: Readonly<Record<string, string>>;
  /** Sends to the port of events, or to another one. */
  report(reported: SentEvents, port?: number): Promise<{ readonly status: number; readonly body: string }>;
  /** The header of GitHub, or the one of the pipeline. */
  signature(body: string, who?: 'github' | 'pipeline' | 'stranger'): Readonly<Record<string, string>>;
  bearer(token: string): Readonly<Record<string, string>>;
  /** An identity token of the CI job, with other claims where given; signed by another issuer as `stranger`. */
  token(claims?: Readonly<Record<string, unknown>>, by?: 'issuer' | 'stranger'): Promise<string>;
  stop(): Promise<void>;
}

/** The token that Harbor sends. */
export const HARBOR_TOKEN = 'token-of-this-harbor';
const SECRETS = {
  github: 'secret-of-this-webhook',
  pipeline: 'secret-of-this-pipeline',
  stranger: 'secret-of-another-sender',
};
const HEADERS = {
  github: 'x-hub-signature-256',
  pipeline: 'x-acme-signature',
  stranger: 'x-hub-signature-256',
};
const AUDIENCE = 'pratique';
const SUBJECT = 'repo:acme/shop:ref:refs/heads/main';
const TOKEN_LASTS_S = 300;

/** Starts an issuer over https, and makes secrets for events about the registry `host`. */
export async function openSenders(host: string): Promise<Senders> {
  const workspace = await openWorkspace('senders');
  const file = (name: string): string => join(workspace.folder, name);
  const authority = await createAuthority('issuers');
  const pair = await authority.issue({ commonName: 'issuer', ips: ['127.0.0.1'], usage: 'server' });
  const [key, stranger] = await Promise.all([namedKey('ci'), namedKey('ci')]);
  const issuer = await startIssuer([key.jwk], pair);
  await writeFile(file('authority.pem'), authority.cert);
  for (const [name, secret] of Object.entries({ ...SECRETS, harbor: HARBOR_TOKEN }))
    await writeFile(file(name), `${secret}\n`);
  const listening = await freePort();
  const dispatcher = new Agent({ connect: { rejectUnauthorized: false } });
  return {
    listen: `127.0.0.1:${listening}`,
    receivers: [
      { name: 'github', sender: 'ghcr', registry: host, hmac: { secretFile: file('github') } },
      { name: 'harbor', sender: 'harbor', registry: host, bearer: { secretFile: file('harbor') } },
      {
        name: 'pipeline',
        sender: 'generic',
        hmac: { secretFile: file('pipeline'), header: HEADERS.pipeline },
      },
      {
        name: 'ci',
        sender: 'generic',
        oidc: { issuer: issuer.url, audience: AUDIENCE, subject: SUBJECT },
      },
    ],
    environment: { NODE_EXTRA_CA_CERTS: file('authority.pem') },
    report: async ({ to, body, headers = {} }, port = listening) => {
      const answer = await request(`https://127.0.0.1:${port}/events/${to}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body,
        dispatcher,
      });
      return { status: answer.statusCode, body: await answer.body.text() };
    },
    signature: (body, who = 'github') => ({
      [HEADERS[who]]: `sha256=${createHmac('sha256', SECRETS[who]).update(body).digest('hex')}`,
    }),
    bearer: (token) => ({ authorization: `Bearer ${token}` }),
    token: (claims = {}, by = 'issuer') => {
      const now = Math.floor(Date.now() / 1_000);
      const said = { iss: issuer.url, aud: AUDIENCE, sub: SUBJECT, iat: now, exp: now + TOKEN_LASTS_S };
      return sign(by === 'issuer' ? key : stranger, { ...said, ...claims });
    },
    stop: async () => {
      await dispatcher.close();
      await issuer.close();
      await workspace.close();
    },
  };
}
