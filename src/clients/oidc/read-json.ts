import { Fault, parseJson } from '../../core/model/index.ts';

/** The part of `fetch` that is used; passed in where an issuer's certificate comes from a private authority. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** What is read of an issuer, and in how much time. */
export interface Reading {
  readonly fetch: Fetch;
  readonly issuer: string;
  readonly signal: AbortSignal;
}

/** Largest document in bytes: a set of ten RSA keys with their certificates has some 40,000. */
const MAX_DOCUMENT_BYTES = 256 * 1024;

/**
 * Reads a document of an issuer as JSON. Nothing else than 200 is an answer, and it is not asked for elsewhere: a redirect would
 * let the owner of any page of the issuer choose the keys. Throws a `Fault`.
 */
export async function readJson({ fetch, issuer, signal }: Reading, url: string): Promise<unknown> {
  const path = new URL(url).pathname;
  try {
    const answer = await fetch(url, {
      headers: { accept: 'application/json' },
      redirect: 'error',
      credentials: 'omit',
      signal,
    });
    if (answer.status !== 200) {
      await answer.body?.cancel();
      throw fault(issuer, `${path} answered ${answer.status}`);
    }
    const bytes = await readBytes(answer.body);
    if (bytes === undefined) throw fault(issuer, `${path} is longer than ${MAX_DOCUMENT_BYTES} bytes`);
    return parseJson(bytes);
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw fault(issuer, `${path} ${whyNot(error, signal)}`, error);
  }
}

/** `undefined` when there is more of it than allowed. */
async function readBytes(body: Response['body']): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Counted as it comes out, so that a small packed answer cannot unpack to anything. Leaving the loop ends the download.
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    if (size > MAX_DOCUMENT_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function whyNot(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return 'did not come in time';
  const cause: unknown = error instanceof Error ? error.cause : undefined;
  const code = cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : '';
  return `could not be fetched${code}`;
}

/** The Fault for keys that cannot be had. `detail` is one clause; an issuer's own words are no part of it. */
export function fault(issuer: string, detail: string, cause?: unknown): Fault {
  return new Fault({
    code: 'IssuerUnavailable',
    operation: `read the keys of ${issuer}`,
    side: 'trust',
    transient: true,
    detail,
    cause,
  });
}
