import { clock } from './process-context.ts';

/** The longest a timer of Node.js can wait, in milliseconds: some 24 days; it would fire at once for more. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The time of this process, for controllers. */
export const TIME = {
  now: () => performance.now(),
  clock,
  /** Calls back once; the answer cancels it. */
  after: (ms: number, run: () => void): (() => void) => {
    const timer = setTimeout(run, Math.min(ms, MAX_TIMER_MS));
    return () => {
      clearTimeout(timer);
    };
  },
};
