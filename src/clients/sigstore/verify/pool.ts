import { Worker } from 'node:worker_threads';

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
interface Thread<Result> {
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
  const threads = new Set<Thread<Result>>();
  let closed = false;

  const start = (): Thread<Result> => {
    // Without the flags of this process: some, such as those for a script given as text, no worker can start with.
    const worker = new Worker(options.entry, {
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
    });
    const thread: Thread<Result> = { worker };
    const die = (): void => {
      threads.delete(thread);
      thread.finish?.({ ok: false, failure: closed ? 'closed' : 'crashed' });
      void worker.terminate();
    };
    worker.on('message', (value: Result) => thread.finish?.({ ok: true, value }));
    for (const event of ['error', 'exit', 'messageerror']) worker.on(event, die);
    worker.unref();
    threads.add(thread);
    return thread;
  };

  const next = (): void => {
    if (waiting.length === 0) return;
    const idle = [...threads].find(({ finish }) => finish === undefined);
    const thread = idle ?? (threads.size < options.workers ? start() : undefined);
    const task = thread && waiting.shift();
    if (task) assign(thread, task);
  };

  const assign = (thread: Thread<Result>, { job, settle }: Task<Job, Result>): void => {
    const timer = setTimeout(() => {
      threads.delete(thread);
      thread.finish?.({ ok: false, failure: 'late' });
      void thread.worker.terminate();
    }, options.jobTimeoutMs);
    thread.finish = (outcome) => {
      clearTimeout(timer);
      thread.finish = undefined;
      thread.worker.unref();
      settle(outcome);
      next();
    };
    thread.worker.ref();
    thread.worker.postMessage(job);
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
      await Promise.all([...threads].map(({ worker }) => worker.terminate()));
    },
  };
}
