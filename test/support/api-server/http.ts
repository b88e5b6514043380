import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';

/** A request, read whole. */
export interface ApiRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** The client's end of the connection. */
  readonly port: number | undefined;
}

/** An answer; other values than text are sent as JSON. */
export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: unknown;
}

/** The connection is cut, or no answer is sent. */
export type Misery = 'hang up' | 'silence';

/** Answers in place of the server; `undefined` = the server answers. */
export type Intercept = (request: ApiRequest) => Reply | Misery | undefined;

export async function readRequest(incoming: IncomingMessage): Promise<ApiRequest> {
  const { method = 'GET', headers } = incoming;
  const url = new URL(incoming.url ?? '/', 'http://api-server');
  return { method, url, headers, body: await text(incoming), port: incoming.socket.remotePort };
}

/** A refusal as the API server words it. */
export function refusal(code: number, reason: string, message = reason): Reply {
  return {
    status: code,
    body: { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message },
  };
}

/** The first `count` requests that fit are answered so. */
export function firstTimes(
  count: number,
  fits: (request: ApiRequest) => boolean,
  reply: Reply | Misery,
): Intercept {
  let left = count;
  return (request) => (fits(request) && left-- > 0 ? reply : undefined);
}

export function isWatch({ url }: ApiRequest): boolean {
  return url.searchParams.get('watch') === 'true';
}

export function isList({ method, url }: ApiRequest): boolean {
  return method === 'GET' && url.searchParams.has('limit');
}
