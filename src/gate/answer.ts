import type { Digest } from '../core/model/index.ts';

/** Error codes of the OCI distribution spec ("Error Codes") that the gate answers with. */
export type ErrorCode = keyof typeof STATUS;

const STATUS = {
  NAME_INVALID: 400,
  DIGEST_INVALID: 400,
  MANIFEST_INVALID: 400,
  PAGINATION_NUMBER_INVALID: 400,
  UNAUTHORIZED: 401,
  DENIED: 403,
  NAME_UNKNOWN: 404,
  MANIFEST_UNKNOWN: 404,
  BLOB_UNKNOWN: 404,
  UNSUPPORTED: 405,
  RANGE_INVALID: 416,
  TOOMANYREQUESTS: 429,
  UNAVAILABLE: 503,
} as const;

/** What a client is sent. `body` is written with backpressure; a failure while it is written cuts the connection. */
export interface GateAnswer {
  readonly status: number;
  /** What is undefined is not sent. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Absent = there is none, or the request was a HEAD. */
  readonly body?: Uint8Array | AsyncIterable<Uint8Array>;
}

/** What an error says besides its sentence. */
export interface ErrorDetail {
  readonly reason: string;
  readonly image: string;
  readonly digest?: string | undefined;
  readonly policy?: string | undefined;
  readonly found: string;
  readonly next: string;
}

/** An error in the form of the distribution spec; the sentence is also in a header, for requests without a body. */
export function errorAnswer(
  code: ErrorCode,
  message: string,
  {
    detail,
    headers = {},
  }: { readonly detail?: ErrorDetail | undefined; readonly headers?: GateAnswer['headers'] } = {},
): GateAnswer {
  const body = Buffer.from(JSON.stringify({ errors: [{ code, message, ...(detail && { detail }) }] }));
  return {
    status: STATUS[code],
    headers: {
      'Content-Type': 'application/json',
      'Content-Length': String(body.byteLength),
      Warning: warning(message),
      ...headers,
    },
    body,
  };
}

/** Longest sentence of a header in characters; clients and proxies refuse heads of some KiB. */
const MAX_WARNING = 512;

/** A sentence as the value of a `Warning` header (RFC 9111, section 5.5, and the distribution spec, "Warnings"). */
export function warning(sentence: string): string {
  const plain = sentence
    .replaceAll('…', '...')
    .replaceAll(/[^\x20-\x7e]/g, '?')
    .replaceAll(/["\\]/g, "'");
  return `299 - "${plain.slice(0, MAX_WARNING)}"`;
}

/** A value as JSON. */
export function jsonAnswer(value: object, headers: GateAnswer['headers'] = {}): GateAnswer {
  const body = Buffer.from(JSON.stringify(value));
  return {
    status: 200,
    headers: {
      'Content-Type': 'application/json',
      'Content-Length': String(body.byteLength),
      'Docker-Distribution-Api-Version': 'registry/2.0',
      ...headers,
    },
    body,
  };
}

/** Sends the client to where a blob lies. The address is often a permission in itself: it is for this client, and for no store on the way. */
export function redirectTo({ href }: URL, digest: Digest): GateAnswer {
  const headers = { Location: href, 'Docker-Content-Digest': digest, 'Cache-Control': 'no-store' };
  return { status: 307, headers: { ...headers, 'Content-Length': '0' } };
}
