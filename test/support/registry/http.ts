import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** A request as handlers and interceptors see it. */
export interface RegistryRequest {
  readonly method: string;
  /** Path and query on this registry. */
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
  /** Reads the whole body; once. */
  readonly body: () => Promise<Buffer>;
  /** The body as it comes, instead. */
  readonly pieces: AsyncIterable<Buffer>;
}

/** What to answer. */
export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** Text and bytes get a `content-length`; an iterable is sent in chunks, and may never end. */
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array>;
}

/** Drops the connection instead of answering. */
export type Hangup = 'hang up';

/** Writes to the connection what no HTTP server would write; has to end it. */
export interface RawReply {
  readonly raw: (socket: Socket) => void;
}

/** A reply with a JSON body. */
export function json(status: number, value: unknown, headers: Record<string, string> = {}): Reply {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(value) };
}

/** An error in the form of the distribution spec ("Error Codes"). */
export function failure(status: number, code: string, headers: Record<string, string> = {}): Reply {
  return json(status, { errors: [{ code, message: code.toLowerCase().replaceAll('_', ' ') }] }, headers);
}

/** Reads what arrived into a {@link RegistryRequest}. */
export function requestOf(incoming: IncomingMessage, origin: string): RegistryRequest {
  return {
    method: incoming.method ?? 'GET',
    url: new URL(incoming.url ?? '/', origin),
    headers: incoming.headers,
    pieces: incoming,
    body: async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
      return Buffer.concat(chunks);
    },
  };
}

/** Sends a reply; of a reply to HEAD only the headers. */
export async function send(reply: Reply, outgoing: ServerResponse, method: string): Promise<void> {
  const { status, headers = {}, body = '' } = reply;
  outgoing.statusCode = status;
  for (const [name, value] of Object.entries(headers)) outgoing.setHeader(name, value);
  if (typeof body !== 'string' && !(body instanceof Uint8Array)) {
    // A client that has read enough hangs up; that is no failure of the registry.
    await pipeline(Readable.from(body), outgoing).catch(() => undefined);
    return;
  }
  const bytes = Buffer.from(body);
  if (status !== 204 && !outgoing.hasHeader('content-length') && !outgoing.hasHeader('transfer-encoding')) {
    outgoing.setHeader('content-length', bytes.byteLength);
  }
  outgoing.end(method === 'HEAD' ? undefined : bytes);
}
