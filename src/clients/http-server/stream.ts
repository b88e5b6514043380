import type { RequestHandler, Response } from 'express';

/** A request whose answer may be long. */
export interface StreamRequest {
  readonly method: string;
  /** Path and query as they were sent. */
  readonly url: string;
  /** IP address of the other end of the connection; empty where it has gone. */
  readonly address: string;
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
  /** Fires when the client has gone before the answer was whole. */
  readonly signal: AbortSignal;
}

/** An answer; a body that fails while it is written cuts the connection, so that no client takes it for whole. */
export interface StreamAnswer {
  readonly status: number;
  /** What is undefined is not sent. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body?: Uint8Array | AsyncIterable<Uint8Array>;
}

/** Answers every request for which there is no route. */
export interface Streaming {
  readonly answer: (request: StreamRequest) => Promise<StreamAnswer>;
  /** A body failed before it was whole. */
  readonly onCut: (error: unknown) => void;
  /** Milliseconds after which a client that does not take a piece is cut off; {@link STALLED_MS} when not given. */
  readonly stalledMs?: number;
}

/**
 * Each download has a place that others may wait for, so that one which hangs must end. A client that writes to a slow disk or to a slow
 * registry takes a piece of some ten KiB in less.
 */
const STALLED_MS = 120_000;

/** Makes the handler of express that writes such answers, as fast as the client reads them. */
export function streamHandler(
  { answer, ...streaming }: Streaming,
  headersOf: (request: Parameters<RequestHandler>[0]) => ReadonlyMap<string, string>,
): RequestHandler {
  return (request, response, next) => {
    const gone = new AbortController();
    response.once('close', () => {
      if (!response.writableFinished) gone.abort();
    });
    const { method, originalUrl: url } = request;
    const { remoteAddress: address = '' } = request.socket;
    answer({ method, url, address, headers: headersOf(request), signal: gone.signal })
      .then((given) => write(given, response, streaming))
      .catch(next);
  };
}

async function write(
  { status, headers, body }: StreamAnswer,
  response: Response,
  { onCut, stalledMs = STALLED_MS }: Omit<Streaming, 'answer'>,
): Promise<void> {
  const sent = Object.entries(headers).filter(([, value]) => value !== undefined);
  response.writeHead(status, Object.fromEntries(sent) as Record<string, string>);
  if (body === undefined || body instanceof Uint8Array) {
    response.end(body);
    return;
  }
  try {
    for await (const piece of body) if (!(await isTaken(piece, response, stalledMs))) return;
    if (!response.destroyed) response.end();
  } catch (error) {
    // Where the client has gone nothing is wrong with the body.
    if (!response.destroyed) onCut(error);
    response.destroy();
  }
}

/** Writes a piece, and waits until the client has read enough for the next one; `false` where the client has gone. Rejects where it stalls. */
function isTaken(piece: Uint8Array, response: Response, stalledMs: number): boolean | Promise<boolean> {
  if (response.destroyed) return false;
  if (response.write(piece)) return true;
  return new Promise((resolve, reject) => {
    const end = (): void => {
      response.off('drain', done).off('close', done);
      clearTimeout(timer);
    };
    const done = (): void => {
      end();
      resolve(!response.destroyed);
    };
    const timer = setTimeout(() => {
      end();
      reject(new Error(`the client took nothing for ${String(stalledMs / 1_000)} s`));
    }, stalledMs);
    response.once('drain', done).once('close', done);
  });
}
