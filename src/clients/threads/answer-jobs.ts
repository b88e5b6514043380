import { constants, setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';

/** What a thread can do: a function by the name of its job. Input and result are structured clones. */
export type JobTable = Readonly<Record<string, (input: never) => unknown>>;

/** One job as it is sent to a thread. */
export interface SentJob {
  readonly kind: string;
  readonly input: unknown;
}

/** Makes this thread answer every job that it is sent with exactly one message: the result of the job's function. */
export function answerJobs(table: JobTable): void {
  // On Linux a priority is a thread's own: the main thread, for which others wait, goes before.
  if (process.platform === 'linux') setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
  parentPort?.on('message', ({ kind, input }: SentJob) => {
    parentPort?.postMessage(table[kind]?.(input as never));
  });
}
