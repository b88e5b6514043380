import type { LookupFunction } from 'node:net';
import type { SecureContext } from 'node:tls';
import type { Dispatcher, Pool } from 'undici';
import { errorCode, type Parsed } from '../../core/model/index.ts';

const CERTIFICATE_PROBLEMS: Readonly<Record<string, string>> = {
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet',
};
const UNTRUSTED = /^(?:CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_|ERR_SSL_)/;

/** What the code of a TLS error says about the server's certificate; `undefined` when the error is about something else. */
export function certificateProblem(code: string): string | undefined {
  return CERTIFICATE_PROBLEMS[code] ?? (UNTRUSTED.test(code) ? 'its certificate is not trusted' : undefined);
}

const RESETS: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']);

/** Whether the other side closed a pooled connection while we were writing to it: the request was not read. */
export function wasReset(error: unknown): boolean {
  return RESETS.has(errorCode(error));
}

/** Whether what came is no answer at all. On a connection that is used again it may be the rest of an earlier one. */
export function wasGarbled(error: unknown): boolean {
  return error instanceof Error && error.name === 'HTTPParserError';
}

/** Most of an unwanted body that is read to save its connection, in bytes; beyond it the connection is dropped. */
const MAX_DISCARDED_BYTES = 16 * 1024;
/** Longest wait for an unwanted body, in milliseconds. */
const MAX_DISCARD_MS = 500;

/** Gets rid of an answer whose body does not matter; keeps the connection when that is cheap. Never throws. */
export async function discard({ body }: Pick<Dispatcher.ResponseData, 'body'>): Promise<void> {
  const signal = AbortSignal.timeout(MAX_DISCARD_MS);
  await body.dump({ limit: MAX_DISCARDED_BYTES, signal }).catch(() => undefined);
}

/** A proxy that speaks HTTP, as settings or the environment name it. */
export interface ProxyServer {
  /** Opens connections to an origin through it: tunnels to https, and requests in absolute form to http. Nothing is connected yet. */
  readonly open: (origin: string, how: HowToOpen) => { readonly pool: Pool; readonly dispatcher: Dispatcher };
}

/** How connections through a proxy are opened. */
export interface HowToOpen {
  /** Milliseconds for each step: the proxy, its answer, and TLS behind it. */
  readonly timeout: number;
  /** Finds the addresses of the proxy. */
  readonly lookup?: LookupFunction;
  /** Whom to trust behind the proxy; absent = the authorities of the system. */
  readonly secureContext?: SecureContext | undefined;
  readonly options?: Omit<Pool.Options, 'connect'>;
}

/** Which hosts are reached through a proxy. */
export interface Proxies {
  /** The proxy for a URL; `undefined` = it is reached without one. */
  readonly of: (url: URL) => ProxyServer | undefined;
  /** The same as variables of an environment, logins included, for programs and libraries that connect by themselves. */
  readonly environment: Readonly<Record<string, string>>;
}

/** A proxy that has not brought us to a host. The message is a clause that names the proxy, and never its login. */
export class ProxyFailure extends Error {
  /** Whether it may pass by itself. */
  readonly transient: boolean;
  constructor(message: string, transient: boolean) {
    super(message);
    this.transient = transient;
  }
}

/** What proxies are read from. */
export interface ProxySources {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Sets variables of this process, for libraries that read them when they are loaded. Absent = libraries are not given the proxies. */
  readonly setEnvironment?: (variables: Readonly<Record<string, string>>) => void;
  readonly readText: (file: string) => Promise<Parsed<string>>;
  readonly readCertificates: (files: readonly string[]) => Promise<Parsed<string>>;
}
