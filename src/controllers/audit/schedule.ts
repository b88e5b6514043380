import type { Clock } from '../../core/model/index.ts';
import { createRegistryQueues } from './registry-queues.ts';
import type { After } from './ports.ts';
import { createRate } from './rate.ts';

/** When something is to be done again. */
export interface Due {
  /** Milliseconds since 1970; may be years ahead. */
  readonly at: number;
  /** Whether it is news then, or routine. */
  readonly fresh: boolean;
}

/** What a schedule is made of. */
export interface Scheduling {
  /** Does the work for one key and says when it is due again. Must not reject. */
  readonly run: (key: string) => Promise<Due>;
  /** The queue whose budget a run uses; `undefined` when it uses none. */
  readonly queueOf: (key: string) => string | undefined;
  readonly perQueuePerSecond: number;
  readonly concurrency: number;
  readonly clock: Clock;
  readonly after: After;
}

/** Keys with the moments at which work is due for them. */
export interface Schedule {
  /** As soon as the rate allows; a key that is being worked on is worked on once more. News go first. */
  readonly soon: (key: string, fresh: boolean) => void;
  readonly forget: (key: string) => void;
  /** How many wait for their turn. */
  readonly queued: () => number;
  /** Starts nothing more; settles when nothing runs any longer. */
  readonly close: () => Promise<void>;
}

/** Longest timer in milliseconds: past 2^31 Node's fire at once. TriggerOptions early does no harm. */
const MAX_TIMER_MS = 3_600_000;
/** Shortest pause between two checks at all due moments. */
const MIN_LOOK_MS = 1_000;

interface Entry {
  due: Due | undefined;
  running: boolean;
  /** Asked for again while it was running. */
  again: boolean;
}

/** Works off keys at a bounded rate per queue and with a bounded number at a time. */
export function createSchedule(given: Scheduling): Schedule {
  const { clock, after } = given;
  const rate = createRate(given.perQueuePerSecond);
  const queues = createRegistryQueues(rate);
  const entries = new Map<string, Entry>();
  const running = new Set<Promise<void>>();
  let closed = false;
  let nextLook = Infinity;
  let timer: (() => void) | undefined;
  let pumping = false;

  const enqueue = (key: string, entry: Entry, fresh: boolean) => {
    entry.due = undefined;
    queues.put(key, given.queueOf(key), fresh);
  };
  const look = (now: number) => {
    let earliest = Infinity;
    for (const [key, entry] of entries) {
      if (!entry.due) continue;
      if (entry.due.at <= now) enqueue(key, entry, entry.due.fresh);
      else earliest = Math.min(earliest, entry.due.at);
    }
    nextLook = Math.max(earliest, now + MIN_LOOK_MS);
    rate.tidy(now);
  };
  const finish = (key: string, entry: Entry, due: Due) => {
    entry.running = false;
    if (entries.get(key) !== entry) return;
    if (entry.again) {
      entry.again = false;
      enqueue(key, entry, true);
      return;
    }
    entry.due = due;
    nextLook = Math.min(nextLook, due.at);
  };
  const start = (key: string) => {
    const entry = entries.get(key);
    if (!entry) return;
    entry.running = true;
    const done = given.run(key).then((due) => {
      finish(key, entry, due);
      running.delete(done);
      pump();
    });
    running.add(done);
  };
  /** Starts what may start; the milliseconds until more may, if anything waits for time alone. */
  const startAll = (now: number): number => {
    while (running.size < given.concurrency) {
      const next = queues.next(now);
      if (!next) return Infinity;
      if ('waitMs' in next) return next.waitMs;
      start(next.key);
    }
    return Infinity;
  };
  const pump = () => {
    if (closed || pumping) return;
    pumping = true;
    timer?.();
    const now = clock().getTime();
    if (now >= nextLook) look(now);
    const waitMs = Math.min(startAll(now), nextLook - now, MAX_TIMER_MS);
    timer = after(Math.max(1, waitMs), pump);
    pumping = false;
  };

  return {
    soon: (key, fresh) => {
      const entry = entries.get(key) ?? { due: undefined, running: false, again: false };
      entries.set(key, entry);
      if (entry.running) entry.again = true;
      else enqueue(key, entry, fresh);
      pump();
    },
    forget: (key) => {
      entries.delete(key);
      queues.drop(key);
    },
    queued: queues.size,
    close: async () => {
      closed = true;
      timer?.();
      await Promise.all(running);
    },
  };
}
