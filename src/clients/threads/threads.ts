import { Worker } from 'node:worker_threads';
import { errorCode, type JobOutcome } from '../../core/model/index.ts';
import type { JobTable, SentJob } from './answer-jobs.ts';
import { createFairQueue, type FairQueue } from './fair-queue.ts';

export interface ThreadOptions {
  /** The module that each thread runs; it calls `answerJobs`. */
  readonly entry: URL;
  readonly threads?: number;
  /** Jobs that may wait for a thread; one more is `crowded`, but for the first of an owner: up to as many again. */
  readonly maxWaiting?: number;
  /** Jobs of one owner that may wait. */
  readonly maxWaitingPerOwner?: number;
  /** Milliseconds after which a job is `late` and its thread is replaced. */
  readonly jobTimeoutMs?: number;
}

/** How a job is scheduled. */
export interface JobWeight {
  /** Size of its input. */
  readonly bytes: number;
  /** For whom it is done: owners take turns, so that many jobs of one do not delay the first of another. */
  readonly owner?: string;
  /** Memory inside the input that moves to the thread and is not copied: the caller must not use it again. */
  readonly transfer?: readonly ArrayBuffer[];
}

/** Threads that do jobs, one at a time each. `run` never rejects. */
export interface Threads<Table extends JobTable> {
  run<Kind extends keyof Table & string>(
    kind: Kind,
    input: Parameters<Table[Kind]>[0],
    weight: JobWeight,
  ): Promise<JobOutcome<ReturnType<Table[Kind]>>>;
  /** Ends the threads; jobs that still wait are answered `closed`. */
  close(): Promise<void>;
}

/** One for each of the two cores that a small machine has. */
const THREADS = 2;
/** A few seconds of work. */
const MAX_WAITING = 1_000;
/** A quarter of it: four owners at once fill the queue. */
const MAX_WAITING_PER_OWNER = 250;
/** Milliseconds for one job. Sixteen MiB of JSON take half a second; real signatures take under twenty milliseconds. */
const JOB_TIMEOUT_MS = 5_000;
/**
 * MiB of heap of one thread: a statement of 32 MiB in a bundle fits. With one heavy job at a time the process
 * takes about 400 MiB in a container of 512.
 */
const MAX_HEAP_MB = 176;
/** MiB of the young generation of one thread: that of the main thread. */
const MAX_YOUNG_MB = 12;
/** Bytes from which a job is heavy: it may need most of a thread's memory, so there is only one at a time. */
const HEAVY_BYTES = 1024 * 1024;
/** Bytes of heavy input after which a thread is replaced: it gives its memory back only when it ends, and a new one takes 0.1 s. */
const MAX_HEAVY_INPUT = 64 * 1024 * 1024;
/** Events after which a thread is of no more use. */
const ENDS = ['error', 'exit', 'messageerror'] as const;

interface Job extends SentJob, JobWeight {
  readonly resolve: (outcome: JobOutcome<unknown>) => void;
}

/**
 * Opens threads; none runs before the first job. A thread keeps the process alive only while it works. One that dies or
 * is late takes its own job with it and is replaced when there is a next one.
 */
export function openThreads<Table extends JobTable>(options: ThreadOptions): Threads<Table> {
  const { threads = THREADS, jobTimeoutMs = JOB_TIMEOUT_MS } = options;
  const { maxWaiting = MAX_WAITING, maxWaitingPerOwner = MAX_WAITING_PER_OWNER } = options;
  const queues = { light: createFairQueue<Job>(), heavy: createFairQueue<Job>() };
  const heavyInput = new Map<Worker, number>();
  const idle = new Set<Worker>();
  let [busy, busyHeavy, closed] = [0, 0, false];
  let isHeavyNext = true;

  const start = (): Worker => {
    // Without the flags of this process: some, such as those for a script given as text, no thread can start with.
    const worker = new Worker(options.entry, {
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB, maxYoungGenerationSizeMb: MAX_YOUNG_MB },
    });
    for (const event of ENDS) worker.on(event, () => void end(worker));
    heavyInput.set(worker, 0);
    return worker;
  };

  const end = async (worker: Worker): Promise<void> => {
    heavyInput.delete(worker);
    idle.delete(worker);
    await worker.terminate();
  };

  const work = async ({ kind, input, transfer = [], resolve }: Job, worker: Worker): Promise<boolean> => {
    const { promise, resolve: settle } = Promise.withResolvers<JobOutcome<unknown>>();
    const done = (value: unknown): void => settle({ ok: true, value });
    const die = (error: unknown): void => {
      const failure = errorCode(error) === 'ERR_WORKER_OUT_OF_MEMORY' ? 'exhausted' : 'crashed';
      settle({ ok: false, failure: closed ? 'closed' : failure });
    };
    worker.on('message', done);
    for (const event of ENDS) worker.on(event, die);
    const timer = setTimeout(() => settle({ ok: false, failure: 'late' }), jobTimeoutMs);
    worker.ref();
    worker.postMessage({ kind, input } satisfies SentJob, [...transfer]);
    const outcome = await promise;
    clearTimeout(timer);
    worker.off('message', done);
    for (const event of ENDS) worker.off(event, die);
    worker.unref();
    resolve(outcome);
    return outcome.ok;
  };

  const begin = async (job: Job): Promise<void> => {
    const isHeavy = job.bytes >= HEAVY_BYTES;
    busy += 1;
    if (isHeavy) busyHeavy += 1;
    const [worker = start()] = idle;
    idle.delete(worker);
    const isAlive = await work(job, worker);
    const input = (heavyInput.get(worker) ?? 0) + (isHeavy ? job.bytes : 0);
    if (isAlive && input < MAX_HEAVY_INPUT) {
      heavyInput.set(worker, input);
      idle.add(worker);
      // Before the next one begins: two at their limit would take more than the process has.
    } else await end(worker);
    busy -= 1;
    if (isHeavy) busyHeavy -= 1;
    next();
  };

  /** Light and heavy ones by turns: many of one kind do not delay the first of the other. */
  const take = (): Job | undefined => {
    const heavy = () => (busyHeavy === 0 ? queues.heavy.shift() : undefined);
    return isHeavyNext ? (heavy() ?? queues.light.shift()) : (queues.light.shift() ?? heavy());
  };

  const isCrowded = (queue: FairQueue<Job>, owner: string): boolean => {
    const [own, all] = [queue.size(owner), queues.light.size() + queues.heavy.size()];
    return own >= maxWaitingPerOwner || all >= (own === 0 ? 2 * maxWaiting : maxWaiting);
  };

  const next = (): void => {
    while (busy < threads) {
      const job = take();
      if (job === undefined) return;
      isHeavyNext = job.bytes < HEAVY_BYTES;
      void begin(job);
    }
  };

  return {
    run: <Kind extends keyof Table & string>(
      kind: Kind,
      input: Parameters<Table[Kind]>[0],
      { bytes, owner = '', transfer }: JobWeight,
    ) => {
      const { promise, resolve } = Promise.withResolvers<JobOutcome<unknown>>();
      const queue = bytes >= HEAVY_BYTES ? queues.heavy : queues.light;
      if (closed) resolve({ ok: false, failure: 'closed' });
      else if (isCrowded(queue, owner)) resolve({ ok: false, failure: 'crowded' });
      else {
        queue.push(owner, { kind, input, bytes, owner, transfer, resolve });
        next();
      }
      // The thread runs the function of this name; the table is the type of what it answers.
      return promise as Promise<JobOutcome<ReturnType<Table[Kind]>>>;
    },
    close: async () => {
      closed = true;
      for (const queue of Object.values(queues)) {
        for (let job = queue.shift(); job; job = queue.shift()) job.resolve({ ok: false, failure: 'closed' });
      }
      await Promise.all([...heavyInput.keys()].map((worker) => worker.terminate()));
    },
  };
}
