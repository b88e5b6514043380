import { SYSTEM_TIMERS, type Timers } from './rest/timers.ts';

/** The keys that are due, in the order in which they run. */
export interface WorkOrder {
  /** A key is due. `fresh` = because of a change, not because of time. A key that is due already is due once. */
  readonly put: (key: string, fresh: boolean) => void;
  readonly drop: (key: string) => void;
  /** Takes the next key that may run at this moment; else the milliseconds until one may. `undefined` = no key is due. */
  readonly next: (now: number) => { readonly key: string } | { readonly waitMs: number } | undefined;
  readonly size: () => number;
}

/** What a reconciled key asks for: one more run without any change. `fresh` = that run is about a change. */
export interface Requeue {
  readonly requeueAfterMs: number;
  readonly fresh?: boolean;
}

/** What a work queue is given. */
export interface WorkQueueOptions {
  /**
   * Reconciles the object of the key. Never runs twice at once for one key. A rejection is tried again with back-off;
   * `requeueAfterMs` asks for one more run without any change. The signal fires when the queue closes.
   */
  readonly reconcile: (key: string, signal: AbortSignal) => Promise<Requeue | undefined>;
  /** The order of keys; absent = as they came. */
  readonly order?: WorkOrder;
  /** Most keys that run at the same time. */
  readonly concurrency: number;
  /** Pause after the first failure of a key, doubled with each further one up to the longest. */
  readonly backoff?: { readonly baseMs: number; readonly maxMs: number };
  /** Called for every failure before `close()`; must not throw. */
  readonly onFailure?: (key: string, error: unknown, retryInMs: number) => void;
  readonly timers?: Timers;
  /** A number from 0 to below 1, for the jitter. */
  readonly random?: () => number;
}

/** Keys that want to be reconciled. */
export interface WorkQueue {
  /** Reconciles a key as soon as possible: once, however often it is added before; once more if it runs just now. */
  add(key: string, fresh?: boolean): void;
  /** Adds a key in so many milliseconds; of several such times the earliest counts. */
  addAfter(key: string, ms: number): void;
  /** Drops a key that waits, and what its last run asked for. A run under way ends. */
  forget(key: string): void;
  /** Keys that are due: those that wait for their turn and those that run. */
  size(): number;
  /** Drops what waits, stops what runs, and resolves when that has stopped. `add` does nothing from then on. */
  close(): Promise<void>;
}

/** The first pause is short against a person's patience, the longest against an API server's. */
const DEFAULT_BACKOFF = { baseMs: 1_000, maxMs: 300_000 };
/** Doubled this often every base has reached its maximum, and no number overflows. */
const MOST_DOUBLINGS = 30;

/** Makes a work queue with the promises of client-go's rate-limiting queue. */
export function createWorkQueue(options: WorkQueueOptions): WorkQueue {
  const { reconcile, concurrency, onFailure, timers = SYSTEM_TIMERS, random = Math.random } = options;
  const { baseMs, maxMs } = options.backoff ?? DEFAULT_BACKOFF;
  const order = options.order ?? firstComeFirstServed();
  const running = new Map<string, Promise<void>>();
  /** Added while they were running, and whether by a change. */
  const again = new Map<string, boolean>();
  let cancelTurn = (): void => undefined;
  const failures = new Map<string, number>();
  const closing = new AbortController();

  const add = (key: string, fresh = true): void => {
    if (closing.signal.aborted) return;
    if (running.has(key)) again.set(key, fresh || again.get(key) === true);
    else order.put(key, fresh);
    queueMicrotask(startDue); // what is added in one breath runs once
  };
  const asked = createAlarms(timers, add);
  // What the last run of a key asked for: a run that comes earlier decides anew.
  const owed = createAlarms(timers, add);

  const startDue = (): void => {
    cancelTurn();
    while (running.size < concurrency) {
      const next = order.next(timers.now());
      if (!next) return;
      if ('waitMs' in next) {
        cancelTurn = timers.after(Math.max(1, next.waitMs), startDue);
        return;
      }
      owed.cancel(next.key);
      running.set(next.key, run(next.key));
    }
  };

  const run = async (key: string): Promise<void> => {
    await Promise.resolve(); // by then `running` knows the key, even if reconcile throws at once
    try {
      const wish = await reconcile(key, closing.signal);
      failures.delete(key);
      if (wish && !closing.signal.aborted) owed.set(key, wish.requeueAfterMs, wish.fresh);
    } catch (error) {
      if (!closing.signal.aborted) retry(key, error); // work that ends because of `close` has not failed
    } finally {
      running.delete(key);
      const fresh = again.get(key);
      again.delete(key);
      if (fresh !== undefined) add(key, fresh);
      if (!closing.signal.aborted) startDue();
    }
  };

  const retry = (key: string, error: unknown): void => {
    const count = failures.get(key) ?? 0;
    failures.set(key, count + 1);
    const full = Math.min(maxMs, baseMs * 2 ** Math.min(count, MOST_DOUBLINGS));
    const retryInMs = Math.round(full * (0.5 + random() / 2)); // keys that failed together come back apart
    owed.set(key, retryInMs);
    onFailure?.(key, error, retryInMs);
  };

  return {
    add,
    addAfter: (key, ms) => {
      if (ms <= 0) add(key);
      else if (!closing.signal.aborted) asked.set(key, ms);
    },
    forget: (key) => {
      order.drop(key);
      again.delete(key);
      asked.cancel(key);
      owed.cancel(key);
    },
    size: () => (closing.signal.aborted ? 0 : order.size()) + running.size,
    close: async () => {
      closing.abort();
      cancelTurn();
      asked.clear();
      owed.clear();
      await Promise.all(running.values());
    },
  };
}

function firstComeFirstServed(): WorkOrder {
  const due = new Set<string>();
  return {
    put: (key) => void due.add(key),
    drop: (key) => void due.delete(key),
    next: () => {
      const [key] = due;
      if (key === undefined) return undefined;
      due.delete(key);
      return { key };
    },
    size: () => due.size,
  };
}

/** One alarm per key: the earliest that was asked for. */
interface Alarms {
  /** Rings for a key in so many milliseconds, unless it rings earlier anyway. */
  readonly set: (key: string, ms: number, fresh?: boolean) => void;
  readonly cancel: (key: string) => void;
  readonly clear: () => void;
}

function createAlarms(timers: Timers, ring: (key: string, fresh?: boolean) => void): Alarms {
  const alarms = new Map<string, { readonly at: number; readonly cancel: () => void }>();

  const cancel = (key: string): void => {
    alarms.get(key)?.cancel();
    alarms.delete(key);
  };

  return {
    set: (key, ms, fresh) => {
      const at = timers.now() + ms;
      if ((alarms.get(key)?.at ?? Infinity) <= at) return;
      cancel(key);
      const stop = timers.after(Math.max(0, ms), () => {
        alarms.delete(key);
        ring(key, fresh);
      });
      alarms.set(key, { at, cancel: stop });
    },
    cancel,
    clear: () => {
      for (const key of [...alarms.keys()]) cancel(key);
    },
  };
}
