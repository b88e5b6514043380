import { Readable } from 'node:stream';
import { createSecureContext, getCACertificates } from 'node:tls';
import { Agent, request, type Dispatcher } from 'undici';
import type { Call, Operation } from './call.ts';
import { faultOfError } from './fault.ts';

/** A body that is made while it is sent: never held whole, and made anew each time it is asked for. */
interface StreamBody {
  /** Bytes; no more and no fewer come. */
  readonly length: number;
  readonly open: () => AsyncIterable<Uint8Array>;
}

/** One HTTP request. */
export interface WireRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | StreamBody;
}

/** One HTTP response, its body not yet read: every answer is read to its end or given to {@link discard}. */
export interface Answer {
  readonly status: number;
  readonly headers: Dispatcher.ResponseData['headers'];
  readonly body: Dispatcher.ResponseData['body'];
  /** Where it came from, after any redirects. */
  readonly url: URL;
}

/** Sends one request and awaits the head of its response. Follows nothing, retries nothing; throws Faults. */
export type Exchange = (call: Call, wire: WireRequest) => Promise<Answer>;

/** One finished or failed request, for counting. */
export interface RequestEvent {
  readonly host: string;
  readonly operation: Operation;
  /** The HTTP status, or `error` when there was no response. */
  readonly code: string;
}

/** What {@link openConnections} needs. */
export interface ConnectionOptions {
  /** PEM of certificates to trust besides those of the system. */
  readonly ca?: string | undefined;
  readonly concurrencyPerHost: number;
  readonly transfersPerHost: number;
  readonly requestTimeoutMs: number;
  /** Longest silence in a patient call, in milliseconds. */
  readonly stallMs: number;
  readonly userAgent: string;
  readonly onRequest?: ((event: RequestEvent) => void) | undefined;
}

/** Most of an unwanted body that is read to save its connection, in bytes; beyond it the connection is dropped. */
const MAX_DISCARDED_BYTES = 16 * 1024;
/** Longest wait for an unwanted body, in milliseconds. */
const MAX_DISCARD_MS = 500;

/** Statuses that send a request elsewhere (RFC 9110 §15.4). */
export const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/**
 * Opens the pools of connections; what finds none free waits. Questions, downloads and writes each have their own: layers on
 * their way must not hold up an admission, and a download waits for the upload that drinks from it, which therefore must
 * never wait for a connection that a download holds.
 */
export function openConnections(options: ConnectionOptions): {
  readonly exchange: Exchange;
  readonly close: () => Promise<void>;
} {
  const open = agentsOf(options);
  const questions = open(options.concurrencyPerHost);
  const downloads = open(options.transfersPerHost);
  const writes = open(options.transfersPerHost);
  const poolOf = ({ operation, access }: Call): Agent => {
    if (operation === 'download') return downloads;
    return access === 'pull' ? questions : writes;
  };
  const exchange: Exchange = async (call, wire) => {
    const { host } = wire.url;
    const count = (code: string): void => {
      options.onRequest?.({ host, operation: call.operation, code });
      call.onRequest?.();
    };
    try {
      const response = await request(wire.url, {
        dispatcher: poolOf(call),
        method: wire.method,
        headers: {
          'user-agent': options.userAgent,
          'accept-encoding': 'identity',
          ...wire.headers,
          ...lengthOf(wire.body),
        },
        ...limitsOf(call, options),
        ...(wire.body !== undefined && { body: bodyOf(wire.body) }),
      });
      count(String(response.statusCode));
      return { status: response.statusCode, headers: response.headers, body: response.body, url: wire.url };
    } catch (error) {
      count('error');
      throw faultOfError(call, host, error);
    }
  };
  const close = async (): Promise<void> => {
    await Promise.all([questions, downloads, writes].map((agent) => agent.destroy()));
  };
  return { exchange, close };
}

/** Makes agents that differ only in how many connections they open to a host. */
function agentsOf({ ca, requestTimeoutMs }: ConnectionOptions): (connections: number) => Agent {
  // Made once: parsing all the system's roots anew for each connection costs tens of milliseconds.
  const secureContext =
    ca === undefined ? undefined : createSecureContext({ ca: [...getCACertificates('default'), ca] });
  return (connections) =>
    new Agent({
      connections,
      allowH2: false, // one request per connection keeps the cap honest and aborts cheap
      headersTimeout: 0, // the limits of each request say what holds
      bodyTimeout: 0,
      connect: { timeout: requestTimeoutMs, ...(secureContext && { secureContext }) },
    });
}

/** A question is bounded as a whole, head and body together; a patient call only in how long nothing moves. */
function limitsOf(
  { patient, signal }: Call,
  { requestTimeoutMs, stallMs }: ConnectionOptions,
): Pick<Dispatcher.RequestOptions, 'headersTimeout' | 'bodyTimeout' | 'signal'> {
  if (patient) return { signal, headersTimeout: stallMs, bodyTimeout: stallMs };
  return { signal: AbortSignal.any([signal, AbortSignal.timeout(requestTimeoutMs)]) };
}

/** Whether a body is made while it is sent. */
export function isStream(body: WireRequest['body']): body is StreamBody {
  return typeof body === 'object' && !(body instanceof Uint8Array);
}

function lengthOf(body: WireRequest['body']): Record<string, string> {
  return isStream(body) ? { 'content-length': String(body.length) } : {};
}

// A stream is pulled from no faster than the connection takes what comes.
function bodyOf(body: string | Uint8Array | StreamBody): string | Uint8Array | Readable {
  return isStream(body) ? Readable.from(body.open(), { objectMode: false }) : body;
}
/** Gets rid of an answer whose body does not matter; keeps the connection when that is cheap. Never throws. */
export async function discard(answer: Answer): Promise<void> {
  const patience = AbortSignal.timeout(MAX_DISCARD_MS);
  await answer.body.dump({ limit: MAX_DISCARDED_BYTES, signal: patience }).catch(() => undefined);
}

/** Ends an answer that will not be read, and its connection with it. Never throws, now or later. */
export function drop(answer: Answer): void {
  // The body reports its own destruction as an error; unheard, it would end the process.
  answer.body.on('error', () => undefined).destroy();
}

/** A header that must occur once; the first one when it occurs several times. */
export function header(answer: Answer, name: string): string | undefined {
  const value = answer.headers[name];
  return typeof value === 'string' || value === undefined ? value : value[0];
}

/** The media type of an answer in lower case, without parameters. */
export function contentType(answer: Answer): string | undefined {
  return header(answer, 'content-type')?.split(';', 1)[0]?.trim().toLowerCase();
}
