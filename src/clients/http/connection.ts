import type { Dispatcher } from 'undici';
import { errorCode } from '../../core/model/index.ts';

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

/** Most of an unwanted body that is read to save its connection, in bytes; beyond it the connection is dropped. */
const MAX_DISCARDED_BYTES = 16 * 1024;
/** Longest wait for an unwanted body, in milliseconds. */
const MAX_DISCARD_MS = 500;

/** Gets rid of an answer whose body does not matter; keeps the connection when that is cheap. Never throws. */
export async function discard({ body }: Pick<Dispatcher.ResponseData, 'body'>): Promise<void> {
  const signal = AbortSignal.timeout(MAX_DISCARD_MS);
  await body.dump({ limit: MAX_DISCARDED_BYTES, signal }).catch(() => undefined);
}
