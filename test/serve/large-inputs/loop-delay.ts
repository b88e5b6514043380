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
      // Not at once: a loop that never sleeps would take the processor from the threads that do the work.
      if (!isOver) setTimeout(probe, 1);
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
