import { isObject, objectOf } from '../../../core/model/index.ts';
import type { Cluster, WatchEvent } from '../types.ts';
import { describeTarget, pathOf, resourceLabel } from './address.ts';
import { faultIn, MAX_OBJECT_BYTES, parseObject, parseSent, refusalOf, unintelligible } from './body.ts';
import type { Answer, Ask, Exchange } from './exchange.ts';
import { fault, faultOfError, faultOfRefusal } from './fault.ts';
import { noSuchNamespace } from './objects.ts';

/** Seconds after which the server is to end a watch: below the five minutes after which proxies cut what they think idle. */
const WATCH_SECONDS = 290;
/** Part of them drawn by lot, so that what began together does not end together. */
const WATCH_JITTER = 0.2;
/** HTTP "gone": the resource version is too old. */
const GONE = 410;

const TYPES = { ADDED: 'added', MODIFIED: 'modified', DELETED: 'deleted' } as const;

/** The call that watches; `openWithinMs` = time to the head of the answer, which the server sends at once. */
export function createWatch(exchange: Exchange, openWithinMs: number): Cluster['watch'] {
  return async function* (collection, resourceVersion, signal): AsyncGenerator<WatchEvent> {
    const doing = `watch ${describeTarget(collection)}`;
    if (hasEnded(signal)) return;
    try {
      const { labelSelector, fieldSelector } = collection;
      const timeoutSeconds = Math.round(WATCH_SECONDS * (1 - Math.random() * WATCH_JITTER));
      const flags = { watch: 'true', allowWatchBookmarks: 'true', timeoutSeconds };
      const path = pathOf(collection, { labelSelector, fieldSelector, resourceVersion, ...flags });
      if (path === undefined) throw noSuchNamespace(doing);
      const answer = await open({ doing, path, resource: resourceLabel(collection), caller: signal });
      if (answer.status === GONE) yield { type: 'expired' };
      if (answer.status !== 200) {
        const refusal = await faultIn({ doing, caller: signal }, answer);
        if (answer.status !== GONE) throw refusal;
        return;
      }
      yield* eventsOf(doing, answer);
    } catch (error) {
      if (!hasEnded(signal)) throw faultOfError(doing, error, undefined);
    }
  };

  /** The deadline is for the head alone; the body lasts as long as the caller wants. */
  async function open(ask: Omit<Ask, 'verb' | 'signal'> & { readonly caller: AbortSignal }): Promise<Answer> {
    const opening = new AbortController();
    const late = setTimeout(
      () => opening.abort(new DOMException('no answer in time', 'TimeoutError')),
      openWithinMs,
    );
    try {
      const signal = AbortSignal.any([ask.caller, opening.signal]);
      return await exchange({ ...ask, verb: 'watch', signal });
    } finally {
      clearTimeout(late);
    }
  }
}

async function* eventsOf(doing: string, answer: Answer): AsyncGenerator<WatchEvent> {
  const lines = linesOf(answer.body, {
    maxBytes: MAX_OBJECT_BYTES,
    tooLong: () => fault(doing, 'LimitExceeded', `an event is longer than ${MAX_OBJECT_BYTES} bytes`),
    cut: () => fault(doing, 'ClusterUnavailable', 'the connection was cut within an event'),
  });
  for await (const line of lines) {
    const event = parseEvent(doing, await parseSent({ doing }, line, answer), answer.secret);
    yield event;
    if (event.type === 'expired') return; // leaving the loop destroys the body and its connection
  }
}

function parseEvent(doing: string, sent: unknown, secret: string | undefined): WatchEvent {
  const { type, object } = objectOf(sent);
  if (type === 'ERROR') return parseError(doing, object, secret);
  if (type === 'BOOKMARK') return { type: 'bookmark', resourceVersion: versionOf(doing, object) };
  if (type !== 'ADDED' && type !== 'MODIFIED' && type !== 'DELETED') throw unintelligible(doing);
  return { type: TYPES[type], object: parseObject(doing, object) };
}

function parseError(doing: string, status: unknown, secret: string | undefined): WatchEvent {
  const code = isObject(status) && typeof status.code === 'number' ? status.code : 500;
  if (code === GONE) return { type: 'expired' };
  throw faultOfRefusal(doing, refusalOf(code, status, secret));
}

function versionOf(doing: string, object: unknown): string {
  const { resourceVersion } = parseObject(doing, object).metadata;
  if (resourceVersion === undefined || resourceVersion === '') throw unintelligible(doing);
  return resourceVersion;
}

/** A function, because the compiler assumes that a property does not change. */
function hasEnded(signal: AbortSignal): boolean {
  return signal.aborted;
}

const NEWLINE = 0x0a;

/**
 * Cuts a stream of bytes into lines, wherever its chunks begin and end: bytes are put together before they become text, so
 * that a character may span two chunks. Holds one line at a time; `tooLong` makes the error for one of more than
 * `maxBytes`, `cut` the one for a stream that ends within a line.
 */
export async function* linesOf(
  chunks: AsyncIterable<Uint8Array>,
  limits: { readonly maxBytes: number; readonly tooLong: () => Error; readonly cut: () => Error },
): AsyncGenerator<string> {
  let rest: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      const last = chunk.subarray(start, end);
      if (size + last.byteLength > limits.maxBytes) throw limits.tooLong();
      const line = Buffer.concat([...rest, last])
        .toString('utf8')
        .trim();
      [rest, size, start] = [[], 0, end + 1];
      if (line !== '') yield line;
    }
    const tail = chunk.subarray(start);
    size += tail.byteLength;
    if (size > limits.maxBytes) throw limits.tooLong();
    if (tail.byteLength > 0) rest.push(tail);
  }
  if (size > 0) throw limits.cut();
}
