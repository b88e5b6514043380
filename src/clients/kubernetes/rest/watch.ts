import { isObject } from '../../../core/model/index.ts';
import { collectionPath, describeTarget, resourceLabel } from './address.ts';
import { MAX_OBJECT_BYTES, parseObject, readRefusal, refusalOf, unintelligible } from './body.ts';
import type { Answer, Exchange } from './exchange.ts';
import { fault, faultOfError, faultOfRefusal } from './fault.ts';
import { linesOf } from './lines.ts';
import type { Cluster, WatchEvent } from '../types.ts';

/** Seconds after which the server is to end a watch: below the five minutes after which proxies cut what they think idle. */
const WATCH_SECONDS = 290;
/** Part of them drawn by lot, so that what began together does not end together. */
const WATCH_JITTER = 0.2;
/** HTTP "gone": the resource version is too old. */
const GONE = 410;

const TYPES = { ADDED: 'added', MODIFIED: 'modified', DELETED: 'deleted' } as const;

/** What a watch is made of. */
export interface WatchParts {
  readonly exchange: Exchange;
  /** Milliseconds to the head of the answer, which the server sends at once. */
  readonly openWithinMs: number;
}

/** The call that watches. */
export function createWatch({ exchange, openWithinMs }: WatchParts): Cluster['watch'] {
  return async function* (collection, resourceVersion, signal): AsyncGenerator<WatchEvent> {
    const doing = `watch ${describeTarget(collection)}`;
    if (hasEnded(signal)) return;
    try {
      const { labelSelector, fieldSelector } = collection;
      const timeoutSeconds = Math.round(WATCH_SECONDS * (1 - Math.random() * WATCH_JITTER));
      const query = {
        labelSelector,
        fieldSelector,
        resourceVersion,
        watch: 'true',
        allowWatchBookmarks: 'true',
        timeoutSeconds,
      };
      const path = collectionPath(collection, query);
      if (path === undefined)
        throw fault(doing, 'ClusterUnavailable', 'there can be no such namespace', { transient: false });
      const answer = await open({ doing, path, resource: resourceLabel(collection), signal });
      if (answer.status === GONE) yield { type: 'expired' };
      if (answer.status !== 200) {
        const refusal = await readRefusal({ doing, caller: signal }, answer);
        if (answer.status !== GONE) throw faultOfRefusal(doing, refusal);
        return;
      }
      yield* eventsOf(doing, answer);
    } catch (error) {
      if (!hasEnded(signal)) throw faultOfError(doing, error, undefined);
    }
  };

  /** The deadline is for the head alone; the body lasts as long as the caller wants. */
  async function open(ask: {
    doing: string;
    path: string;
    resource: string;
    signal: AbortSignal;
  }): Promise<Answer> {
    const opening = new AbortController();
    const late = setTimeout(
      () => opening.abort(new DOMException('no answer in time', 'TimeoutError')),
      openWithinMs,
    );
    try {
      const signal = AbortSignal.any([ask.signal, opening.signal]);
      return await exchange({ ...ask, verb: 'watch', caller: ask.signal, signal });
    } finally {
      clearTimeout(late);
    }
  }
}

async function* eventsOf(doing: string, answer: Answer): AsyncGenerator<WatchEvent> {
  const lines = linesOf(answer.body as AsyncIterable<Uint8Array>, {
    maxBytes: MAX_OBJECT_BYTES,
    tooLong: () => fault(doing, 'LimitExceeded', `an event is longer than ${MAX_OBJECT_BYTES} bytes`),
    cut: () => fault(doing, 'ClusterUnavailable', 'the connection was cut within an event'),
  });
  for await (const line of lines) {
    const event = parseEvent(doing, line, answer.secret);
    yield event;
    if (event.type === 'expired') return; // leaving the loop destroys the body and its connection
  }
}

function parseEvent(doing: string, line: string, secret: string | undefined): WatchEvent {
  const { type, object } = parseLine(doing, line);
  if (type === 'ERROR') return parseError(doing, object, secret);
  if (type === 'BOOKMARK') return { type: 'bookmark', resourceVersion: versionOf(doing, object) };
  if (type !== 'ADDED' && type !== 'MODIFIED' && type !== 'DELETED') throw unintelligible(doing);
  return { type: TYPES[type], object: parseObject(doing, object) };
}

function parseLine(doing: string, line: string): { readonly type?: unknown; readonly object?: unknown } {
  try {
    const value = JSON.parse(line) as unknown;
    if (isObject(value)) return value;
  } catch {
    // Said below, without the words: they may be a Secret's.
  }
  throw unintelligible(doing);
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
