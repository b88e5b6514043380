// A worker thread that follows commands, for tests of jobs whose thread does not answer.
import { threadId } from 'node:worker_threads';
import { answerJobs } from '../../src/clients/threads/index.ts';

const JOBS = {
  answer: (_input: unknown) => threadId,
  throw: (_input: unknown): number => {
    throw new Error('as requested');
  },
  exit: (_input: unknown) => process.exit(1),
  hang: (_input: unknown): number => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    return 0;
  },
  exhaust: (_input: unknown) => exhaust(),
};

/** What the thread does on command. */
export type Commands = typeof JOBS;

answerJobs(JOBS);

function exhaust(): never {
  const kept: unknown[] = [];
  for (;;) kept.push(Array(100_000).fill(kept.length));
}
