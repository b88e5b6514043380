import { monitorEventLoopDelay } from 'node:perf_hooks';

/** Other programs only ever add to a delay, so the best of some rounds counts. */
const ROUNDS = 5;
/** Milliseconds that no work of a test may keep the main thread in one go: twice what is promised, for slow machines. */
export const LONGEST_DELAY_MS = 40;

/** The longest time in milliseconds that the main thread was kept by some work, in the best of some rounds. */
export async function longestDelay(work: () => Promise<unknown>): Promise<number> {
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    await work();
    // What ran last is measured when a timer fires after it.
    await new Promise((resolve) => setTimeout(resolve, 2));
    delay.disable();
    rounds.push(delay.max / 1e6);
  }
  return Math.min(...rounds);
}
