import { Worker } from 'node:worker_threads';

/** Why a job has no result. */
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

interface Task<Job, Result> {
  readonly job: Job;
  readonly settle: (outcome: Outcome<Result>) => void;
}

/** A worker, and what to do with the result of the job it has; nothing when it has none. */
interface Lane<Result> {
  readonly worker: Worker;
  finish?: ((outcome: Outcome<Result>) => void) | undefined;
}

/** Memory of one worker in MiB: many times what the largest candidate needs, and far from what would hurt the process. */
const MAX_HEAP_MB = 256;

/**
 * Makes a pool; no thread runs before the first job. A worker keeps the process alive only while it works. One that dies
 * or is late takes its own job with it and is replaced when there is a next one.
 */
export function createPool<Job, Result>(options: PoolOptions): Pool<Job, Result> {
  const waiting: Task<Job, Result>[] = [];
  const lanes = new Set<Lane<Result>>();
  let closed = false;

  const start = (): Lane<Result> => {
    // Without the flags of this process: some, such as those for a script given as text, no worker can start with.
    const worker = new Worker(options.entry, {
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
    });
    const lane: Lane<Result> = { worker };
    const die = (): void => {
      lanes.delete(lane);
      lane.finish?.({ ok: false, failure: closed ? 'closed' : 'crashed' });
      void worker.terminate();
    };
    worker.on('message', (value: Result) => lane.finish?.({ ok: true, value }));
    for (const event of ['error', 'exit', 'messageerror']) worker.on(event, die);
    worker.unref();
    lanes.add(lane);
    return lane;
  };

  const next = (): void => {
    if (waiting.length === 0) return;
    const idle = [...lanes].find(({ finish }) => finish === undefined);
    const lane = idle ?? (lanes.size < options.workers ? start() : undefined);
    const task = lane && waiting.shift();
    if (task) assign(lane, task);
  };

  const assign = (lane: Lane<Result>, { job, settle }: Task<Job, Result>): void => {
    const timer = setTimeout(() => {
      lanes.delete(lane);
      lane.finish?.({ ok: false, failure: 'late' });
      void lane.worker.terminate();
    }, options.jobTimeoutMs);
    lane.finish = (outcome) => {
      clearTimeout(timer);
      lane.finish = undefined;
      lane.worker.unref();
      settle(outcome);
      next();
    };
    lane.worker.ref();
    lane.worker.postMessage(job);
  };

  return {
    run: (job) =>
      new Promise((settle) => {
        if (closed) settle({ ok: false, failure: 'closed' });
        else if (waiting.length >= options.maxWaiting) settle({ ok: false, failure: 'crowded' });
        else {
          waiting.push({ job, settle });
          next();
        }
      }),
    close: async () => {
      closed = true;
      for (const { settle } of waiting.splice(0)) settle({ ok: false, failure: 'closed' });
      await Promise.all([...lanes].map(({ worker }) => worker.terminate()));
    },
  };
}
