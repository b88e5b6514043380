import { setTimeout as sleep } from 'node:timers/promises';
import { describeTarget } from '../rest/address.ts';
import { fault } from '../rest/fault.ts';
import { Fault } from '../../../core/model/index.ts';
import { createStore, isOlder, keyOf, type Change, type Entry } from './store.ts';
import type { Cluster, Collection, KubeObject, WatchEvent } from '../types.ts';

export interface ReflectorOptions<T> {
  readonly cluster: Pick<Cluster, 'list' | 'watch'>;
  readonly collection: Collection;
  /** What is kept of an object: the less the better, since every object of the collection is held in memory. */
  readonly select: (object: KubeObject) => T;
  /** Called for every change, in order, after it can be read. What it throws goes to `onError` and stops nothing. */
  readonly onChange?: (change: Change<T>) => void;
  /** Called for everything that failed and is retried, and for what `select` and `onChange` throw. */
  readonly onError?: (error: unknown) => void;
  /** Objects on one page of a list; 100 when absent. */
  readonly pageSize?: number;
  /** Milliseconds of silence after which a watch is cut and the collection listed again; 150 000 when absent. */
  readonly staleAfterMs?: number;
  /** Pauses before a restart; from 500 ms to 30 s when absent. */
  readonly backoff?: { readonly baseMs: number; readonly maxMs: number };
  /** Draws from [0, 1). */
  readonly random?: () => number;
}

/** A collection kept in memory. What it holds is at most as old as `confirmedMsAgo`. */
export interface Reflector<T> {
  /** Whether the whole collection was read once. It stays true: later losses show in `confirmedMsAgo`. */
  hasSynced(): boolean;
  /** Resolves when the whole collection was read and passed to `onChange`; rejects when it is closed before. */
  readonly synced: Promise<void>;
  get(name: string, namespace?: string): T | undefined;
  values(): IterableIterator<T>;
  size(): number;
  /** Milliseconds since the API server last said something. Of a quiet collection it does so about once a minute. */
  confirmedMsAgo(): number;
  /** Ends it; no callback is called afterwards. */
  close(): Promise<void>;
}

const DEFAULT_PAGE_SIZE = 100;
/**
 * Longest page of more than one object, in bytes: a hundred usual pods are one million. Anyone who may write objects makes them
 * large, and a page is read as a whole.
 */
const MAX_PAGE_BYTES = 2 * 1024 * 1024;
/** The API server sends a bookmark every minute: two are missing. */
const DEFAULT_STALE_AFTER_MS = 150_000;
/** Short enough for an API server that restarts, long enough for a hundred clients of one that cannot keep up. */
const DEFAULT_BACKOFF = { baseMs: 500, maxMs: 30_000 };
/** A watch that ends sooner, in milliseconds, and without a word has not worked. */
const WORKING_MS = 1_000;
/** Failures in a row after which the watch is not resumed but the collection listed: the version itself may be the cause. */
const RESUMES = 2;
/** So many older lists in a row are taken for a server that lags; one more, and a backup of etcd was restored. */
const LAGGING_LISTS = 3;

/** The function `watchCollection`, for a room that is handed it. */
export type WatchCollection = typeof watchCollection;

/**
 * Keeps a collection in memory: a list in pages, then a watch with bookmarks, begun again after whatever ends it. Changes
 * that were missed meanwhile, deletions among them, are found by comparison with the next list.
 */
export function watchCollection<T>(options: ReflectorOptions<T>): Reflector<T> {
  const { cluster, collection, select, pageSize = DEFAULT_PAGE_SIZE } = options;
  const { staleAfterMs = DEFAULT_STALE_AFTER_MS, random = Math.random } = options;
  const store = createStore<T>();
  const { baseMs, maxMs } = options.backoff ?? DEFAULT_BACKOFF;
  const closing = new AbortController();
  const firstSync = Promise.withResolvers<undefined>();
  firstSync.promise.catch(() => undefined); // callers need not wait for it
  let synced = false;
  let seenAt = performance.now();
  /** Where to watch from; `undefined` = list first. */
  let version: string | undefined;
  let newest: string | undefined;
  let events = 0;
  let failures = 0;
  let lagging = 0;
  let longestPauseMs = baseMs;
  const done = run();

  return {
    hasSynced: () => synced,
    synced: firstSync.promise,
    get: (name, namespace) => store.entries.get(keyOf(name, namespace))?.value,
    values: function* () {
      for (const entry of store.entries.values()) yield entry.value;
    },
    size: () => store.entries.size,
    confirmedMsAgo: () => performance.now() - seenAt,
    close: async () => {
      closing.abort();
      await done;
      firstSync.reject(unavailable('it was closed before it was read'));
    },
  };

  async function run(): Promise<void> {
    while (!isClosed()) {
      try {
        version ??= await relist();
        await watchFrom(version);
      } catch (error) {
        if (isClosed()) return;
        report(error);
        failures += 1;
        if (failures >= RESUMES) version = undefined;
        await rest();
      }
    }
  }

  async function watchFrom(resourceVersion: string): Promise<void> {
    const began = performance.now();
    const before = events;
    await follow(resourceVersion);
    if (events === before && performance.now() - began < WORKING_MS) await rest();
    else calm();
  }

  /**
   * Watches until the server ends the watch. A connection may die unnoticed (a load balancer that dropped it, a machine that
   * is gone), and then a watch stays silent for ever. So a watch that is silent for too long is ended.
   */
  async function follow(resourceVersion: string): Promise<void> {
    const silence = new AbortController();
    const watchdog = setTimeout(() => silence.abort(), staleAfterMs);
    try {
      const either = AbortSignal.any([closing.signal, silence.signal]);
      for await (const event of cluster.watch(collection, resourceVersion, either)) {
        watchdog.refresh();
        onEvent(event);
      }
    } finally {
      clearTimeout(watchdog);
    }
    if (!silence.signal.aborted || isClosed()) return;
    version = undefined;
    throw unavailable(`nothing was received for ${staleAfterMs} ms`);
  }

  /** Pauses double, each with a part drawn by lot so that many clients do not return at the same moment. */
  async function rest(): Promise<void> {
    const ms = longestPauseMs * (0.5 + random() / 2);
    longestPauseMs = Math.min(longestPauseMs * 2, maxMs);
    await sleep(ms, undefined, { signal: closing.signal }).catch(() => undefined); // closed meanwhile
  }

  function calm(): void {
    failures = 0;
    longestPauseMs = baseMs;
  }

  async function relist(): Promise<string> {
    const next = new Map<string, Entry<T>>();
    const take = (object: KubeObject): void => {
      const entry = entryOf(object);
      if (entry !== undefined) next.set(keyOf(entry.name, entry.namespace), entry);
    };
    const listed = await listAll(take);
    if (isOlder(listed, newest) && ++lagging <= LAGGING_LISTS)
      throw unavailable('the API server answered with an older state than before');
    lagging = 0;
    newest = listed;
    seenAt = performance.now();
    store.replace(next).forEach(notify);
    if (!synced) {
      synced = true;
      firstSync.resolve(undefined);
    }
    return listed;
  }

  /** Lists page by page and answers the resource version to watch from. A page too large to read is asked for in halves. */
  async function listAll(take: (object: KubeObject) => void): Promise<string> {
    let limit = pageSize;
    let next: string | undefined;
    for (;;) {
      try {
        const maxBytes = limit > 1 ? { maxBytes: MAX_PAGE_BYTES } : {};
        const page = await cluster.list(collection, { limit, continue: next, ...maxBytes }, closing.signal);
        page.items.forEach(take);
        if (page.continue === undefined) return page.resourceVersion;
        next = page.continue;
        limit = Math.min(limit * 2, pageSize); // a few large objects do not make all pages small
      } catch (error) {
        if (!(error instanceof Fault) || error.code !== 'LimitExceeded' || limit === 1) throw error;
        limit = Math.ceil(limit / 2);
      }
    }
  }

  function onEvent(event: WatchEvent): void {
    seenAt = performance.now();
    if (event.type === 'expired') {
      version = undefined;
      return;
    }
    events += 1;
    calm();
    const seen = event.type === 'bookmark' ? event.resourceVersion : event.object.metadata.resourceVersion;
    if (seen !== undefined && !isOlder(seen, version)) version = newest = seen;
    if (event.type === 'bookmark') return;
    const entry = event.type === 'deleted' ? undefined : entryOf(event.object);
    const change = entry ? store.set(entry) : store.remove(event.object);
    if (change !== undefined) notify(change);
  }

  /**
   * What is kept of an object: what was kept of it before when `select` fails, so that one object does not stop the rest. Nothing
   * when another object had that name before.
   */
  function entryOf(object: KubeObject): Entry<T> | undefined {
    const { name, namespace, uid, resourceVersion } = object.metadata;
    try {
      return { name, namespace, uid, resourceVersion, value: select(object) };
    } catch (error) {
      report(error);
      const kept = store.entries.get(keyOf(name, namespace));
      return kept?.uid === uid ? kept : undefined;
    }
  }

  function notify(change: Change<T>): void {
    if (isClosed()) return;
    try {
      options.onChange?.(change);
    } catch (error) {
      report(error);
    }
  }

  function report(error: unknown): void {
    try {
      options.onError?.(error);
    } catch {
      // The callback for errors has failed itself: there is no other place to report to.
    }
  }

  function isClosed(): boolean {
    return closing.signal.aborted;
  }

  function unavailable(detail: string): Error {
    return fault(`watch ${describeTarget(collection)}`, 'ClusterUnavailable', detail);
  }
}
