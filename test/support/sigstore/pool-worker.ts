// A worker thread that follows commands, for tests of jobs whose thread does not answer.
import { parentPort, threadId } from 'node:worker_threads';

/** What the worker does with a job. */
export type PoolJob = 'answer' | 'throw' | 'exit' | 'hang' | 'exhaust memory';

parentPort?.on('message', (job: PoolJob) => {
  if (job === 'answer') parentPort?.postMessage(threadId);
  if (job === 'throw') throw new Error('as requested');
  if (job === 'exit') process.exit(1);
  if (job === 'hang') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  if (job === 'exhaust memory') exhaust();
});

function exhaust(): never {
  const kept: unknown[] = [];
  for (;;) kept.push(Array(100_000).fill(kept.length));
}
