import { createSecureContext, getCACertificates } from 'node:tls';
import { Agent, request, type Dispatcher } from 'undici';
import type { Call, Operation } from './call.ts';
import { faultOfError } from './fault.ts';

/** One HTTP request. */
export interface WireRequest {
  readonly method: 'GET' | 'HEAD' | 'POST';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
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
  readonly requestTimeoutMs: number;
  readonly userAgent: string;
  readonly onRequest?: ((event: RequestEvent) => void) | undefined;
}

/** Most of an unwanted body that is read to save its connection, in bytes; beyond it the connection is dropped. */
const MAX_DISCARDED_BYTES = 16 * 1024;
/** Longest wait for an unwanted body, in milliseconds. */
const MAX_DISCARD_MS = 500;

/** Statuses that send a request elsewhere (RFC 9110 §15.4). */
export const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** Opens the pool of connections: at most `concurrencyPerHost` per host, further requests wait for one of them. */
export function openConnections(options: ConnectionOptions): {
  readonly exchange: Exchange;
  readonly close: () => Promise<void>;
} {
  const agent = new Agent({
    connections: options.concurrencyPerHost,
    allowH2: false, // one request per connection keeps the cap honest and aborts cheap
    headersTimeout: 0, // the signal below bounds head and body together
    bodyTimeout: 0,
    connect: {
      timeout: options.requestTimeoutMs,
      ...(options.ca !== undefined && {
        // Made once: parsing all the system's roots anew for each connection costs tens of milliseconds.
        secureContext: createSecureContext({ ca: [...getCACertificates('default'), options.ca] }),
      }),
    },
  });
  const exchange: Exchange = async (call, wire) => {
    const { host } = wire.url;
    const count = (code: string): void => options.onRequest?.({ host, operation: call.operation, code });
    try {
      const response = await request(wire.url, {
        dispatcher: agent,
        method: wire.method,
        headers: { 'user-agent': options.userAgent, 'accept-encoding': 'identity', ...wire.headers },
        signal: AbortSignal.any([call.signal, AbortSignal.timeout(options.requestTimeoutMs)]),
        ...(wire.body !== undefined && { body: wire.body }),
      });
      count(String(response.statusCode));
      return { status: response.statusCode, headers: response.headers, body: response.body, url: wire.url };
    } catch (error) {
      count('error');
      throw faultOfError(call, host, error);
    }
  };
  return { exchange, close: () => agent.destroy() };
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
