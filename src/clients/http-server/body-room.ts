import type { RequestHandler } from 'express';

/** Bytes of large bodies that are in memory at a time: eight reviews of the largest object that the API server takes, twice each. */
const MAX_BYTES = 48 * 1024 * 1024;
/** Bytes from which a body is large: usual reviews have a few KiB and never wait. */
const LARGE_BYTES = 64 * 1024;
/** Milliseconds that a large body waits for others to be answered: half of a webhook's usual timeout. */
const MAX_WAIT_MS = 5_000;

/** How much there is room for, and how long it is waited for. */
export interface BodyRoom {
  readonly maxBytes?: number;
  readonly maxWaitMs?: number;
}

/**
 * Makes the handlers of one server before which no large body is read. Each lets a request go on as soon as its body has room
 * beside the others that are not answered yet, and answers 503 when that takes too long. A body without a length counts as `most`.
 */
export function createBodyRoom({ maxBytes = MAX_BYTES, maxWaitMs = MAX_WAIT_MS }: BodyRoom = {}): (
  most: number,
) => RequestHandler {
  const waiting = new Set<{ readonly bytes: number; readonly begin: () => void }>();
  let free = maxBytes;
  const beginNext = (): void => {
    for (const entry of waiting) {
      if (entry.bytes > free) return;
      waiting.delete(entry);
      entry.begin();
    }
  };
  return (most) => (request, response, next) => {
    const length = Number(request.headers['content-length'] ?? most);
    if (length <= LARGE_BYTES) {
      next();
      return;
    }
    const bytes = Math.min(Number.isNaN(length) ? most : length, most, maxBytes);
    const begin = (): void => {
      clearTimeout(timer);
      free -= bytes;
      response.once('close', () => {
        free += bytes;
        beginNext();
      });
      next();
    };
    const entry = { bytes, begin };
    const timer = setTimeout(() => {
      waiting.delete(entry);
      response.status(503).type('text/plain').send('too many large requests at once, try again\n');
    }, maxWaitMs);
    response.once('close', () => {
      waiting.delete(entry);
      clearTimeout(timer);
    });
    waiting.add(entry);
    beginNext();
  };
}
