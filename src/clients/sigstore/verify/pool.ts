import { Worker } from 'node:worker_threads';
import pLimit, { type LimitFunction } from 'p-limit';

export type Failure = 'crowded' | 'crashed' | 'late' | 'closed';

/** The result of a job, or why there is none; never a promise that stays open. */
export type Outcome<Result> =
  { readonly ok: true; readonly value: Result } | { readonly ok: false; readonly failure: Failure };

export interface PoolOptions {
  /** The module each worker runs: it answers every message with exactly one. */
  readonly entry: URL;
  readonly workers: number;
  /** Jobs that may wait for a worker; one more is `crowded`. */
  readonly maxWaiting: number;
  /** Milliseconds after which a job is `late` and its worker is replaced. */
  readonly jobTimeoutMs: number;
}

/** Threads that answer jobs, one at a time each. */
export interface Pool<Job, Result> {
  run(job: Job): Promise<Outcome<Result>>;
  close(): Promise<void>;
}

/** Events by which a worker is of no more use. */
const ENDS = ['error', 'exit', 'messageerror'] as const;
/** Memory of one worker in MiB: many times what the largest candidate needs, and far from what would hurt the process. */
const MAX_HEAP_MB = 256;

/**
 * Makes a pool; no thread runs before the first job. A worker keeps the process alive only while it works. One that dies
 * or is late takes its own job with it and is replaced when there is a next one.
 */
export function createPool<Job, Result>(options: PoolOptions): Pool<Job, Result> {
  let limit: LimitFunction | undefined;
  const threads = new Set<Worker>();
  const idle = new Set<Worker>();
  let closed = false;

  const start = (): Worker => {
    // Without the flags of this process: some, such as those for a script given as text, no worker can start with.
    const resourceLimits = { maxOldGenerationSizeMb: MAX_HEAP_MB };
    const worker = new Worker(options.entry, { execArgv: [], resourceLimits });
    const end = (): void => {
      threads.delete(worker);
      idle.delete(worker);
      void worker.terminate();
    };
    for (const event of ENDS) worker.on(event, end);
    threads.add(worker);
    return worker;
  };

  const answer = async (job: Job): Promise<Outcome<Result>> => {
    if (closed) return { ok: false, failure: 'closed' };
    const [worker = start()] = idle;
    idle.delete(worker);
    const { promise, resolve } = Promise.withResolvers<Outcome<Result>>();
    const done = (value: Result): void => resolve({ ok: true, value });
    const die = (): void => resolve({ ok: false, failure: closed ? 'closed' : 'crashed' });
    worker.on('message', done);
    for (const event of ENDS) worker.on(event, die);
    const timer = setTimeout(() => {
      resolve({ ok: false, failure: 'late' });
      void worker.terminate();
    }, options.jobTimeoutMs);
    worker.ref();
    worker.postMessage(job);
    const outcome = await promise;
    clearTimeout(timer);
    worker.off('message', done);
    for (const event of ENDS) worker.off(event, die);
    worker.unref();
    if (outcome.ok) idle.add(worker);
    return outcome;
  };

  return {
    run: async (job) => {
      limit ??= pLimit(options.workers);
      const isCrowded = !closed && limit.pendingCount >= options.maxWaiting;
      return isCrowded ? { ok: false, failure: 'crowded' } : limit(answer, job);
    },
    close: async () => {
      closed = true;
      await Promise.all([...threads].map((worker) => worker.terminate()));
    },
  };
}
