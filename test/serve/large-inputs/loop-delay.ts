import { monitorEventLoopDelay } from 'node:perf_hooks';

/** Other programs only ever add to a delay, so the best of some rounds counts. */
const ROUNDS = 5;
/** Milliseconds that no work of a test may keep the main thread in one go: twice what is promised, for slow machines. */
export const LONGEST_DELAY_MS = 40;

/**
 * The longest that some work computes on the main thread in one go, in milliseconds of processor time, in the best of some rounds.
 * Unlike a delay it does not count other programs.
 */
export async function longestWork(work: () => Promise<unknown>): Promise<number> {
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    let [longest, isOver] = [0, false];
    let last = process.threadCpuUsage();
    const probe = (): void => {
      const { user, system } = process.threadCpuUsage(last);
      longest = Math.max(longest, (user + system) / 1_000);
      last = process.threadCpuUsage();
      if (!isOver) setImmediate(probe);
    };
    await new Promise((resolve) => setImmediate(resolve));
    setImmediate(probe);
    await work();
    isOver = true;
    await new Promise((resolve) => setTimeout(resolve, 2));
    rounds.push(longest);
  }
  return Math.min(...rounds);
}

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
