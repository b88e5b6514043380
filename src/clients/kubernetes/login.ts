import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { RequestOptions } from 'node:https';
import type { ConnectionOptions } from 'node:tls';
import type { KubeConfig } from '@kubernetes/client-node';
import { errorCode, type Parsed } from '../../core/model/index.ts';

const TLS_FIELDS = ['ca', 'cert', 'key', 'pfx', 'passphrase', 'rejectUnauthorized', 'servername'] as const;

/** Whom to trust and the certificate we show. */
export type Tls = Pick<ConnectionOptions, (typeof TLS_FIELDS)[number]>;

/** How to reach the API server and who we are, as read at one moment. */
export interface Login {
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: Tls;
  readonly proxyUrl: string | undefined;
  /** Changes when the connection has to be made anew: CA, client certificate, server name. */
  readonly fingerprint: string;
}

/** The login of one client, read again while it lives. */
export interface Logins {
  /** The login, read again when it is some seconds old; the last one when that fails and there is one. */
  current(): Promise<Login>;
  /** After a 401: a login read from scratch; `undefined` when there is no other than the one refused. */
  renew(refused: Login): Promise<Login | undefined>;
  /** After a connection that failed: the next call reads the files again, for a CA may have changed. */
  doubt(): void;
}

/** Milliseconds a login is used before its files are checked again: a CA is rotated with hours of overlap. */
const FRESH_MS = 10_000;
/** Milliseconds between two logins from scratch: a plugin is not run for each of a hundred refusals. */
const RENEW_EVERY_MS = 1_000;

/** Keeps the login. `load` reads the configuration from scratch, `first` is what it gave at the start. */
export function createLogins(load: () => Promise<Parsed<KubeConfig>>, first: KubeConfig): Logins {
  let config = first;
  let login: Login | undefined;
  let readAt = -Infinity;
  let renewedAt = -Infinity;
  let reading: Promise<Login> | undefined;
  let renewing: Promise<Login> | undefined;

  /** The library remembers tokens for a minute; a configuration read from scratch remembers none. */
  async function fromScratch(): Promise<Login> {
    const loaded = await load();
    if (!loaded.ok)
      throw new Error(loaded.problems.map(({ path, message }) => `${path} ${message}`).join('; '));
    config = loaded.value;
    return keep(await prepare(config));
  }

  function keep(next: Login): Login {
    login = next;
    readAt = performance.now();
    return next;
  }

  return {
    current: async () => {
      const last = login;
      if (last !== undefined && performance.now() - readAt < FRESH_MS) return last;
      // One reading at a time, shared by all who ask meanwhile.
      reading ??= prepare(config)
        .then(keep)
        .finally(() => (reading = undefined));
      try {
        return await reading;
      } catch (error) {
        // Files that cannot be read for a moment are no reason to stop; if the last login is refused, renew() says why.
        if (last === undefined) throw error;
        readAt = performance.now();
        return last;
      }
    },
    renew: async (refused) => {
      if (login !== undefined && !same(login, refused)) return login;
      if (renewing === undefined && performance.now() - renewedAt < RENEW_EVERY_MS) return undefined;
      renewedAt = performance.now();
      renewing ??= fromScratch().finally(() => (renewing = undefined));
      const next = await renewing;
      return same(next, refused) ? undefined : next;
    },
    doubt: () => void (readAt = -Infinity),
  };
}

function same({ fingerprint, headers }: Login, other: Login): boolean {
  return fingerprint === other.fingerprint && JSON.stringify(headers) === JSON.stringify(other.headers);
}

/** Lets the library read files, run plugins and fetch tokens, and takes what it found. */
async function prepare(config: KubeConfig): Promise<Login> {
  const found: RequestOptions & { auth?: string } = {};
  await config.applyToHTTPSOptions(found);
  const fields = TLS_FIELDS.filter((field) => found[field] !== undefined);
  const tls: Tls = Object.fromEntries(fields.map((field) => [field, found[field]]));
  const proxyUrl = config.getCurrentCluster()?.proxyUrl;
  const headers: Record<string, string> = {};
  // Trimmed: the library takes the newline at the end of a token file for part of the token.
  for (const [name, value] of Object.entries(found.headers ?? {}))
    headers[name.toLowerCase()] = String(value).trim();
  const basic: Record<string, string> =
    found.auth === undefined ? {} : { authorization: `Basic ${Buffer.from(found.auth).toString('base64')}` };
  const fingerprint = createHash('sha256')
    .update(JSON.stringify([tls, proxyUrl]))
    .digest('hex');
  return { headers: { ...basic, ...headers }, tls, proxyUrl, fingerprint };
}

/** Where the kubelet puts what a pod needs to speak to its API server. */
export const SERVICE_ACCOUNT_FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';

/** The namespace of the pod we run in; `undefined` outside a cluster. Throws the system's error when it is unreadable. */
export async function ownNamespace(folder = SERVICE_ACCOUNT_FOLDER): Promise<string | undefined> {
  try {
    const name = (await readFile(`${folder}/namespace`, 'utf8')).trim();
    return name === '' ? undefined : name;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
