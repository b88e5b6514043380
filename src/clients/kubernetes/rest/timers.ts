/** Monotonic time and waiting, handed in so that tests own them. */
export interface Timers {
  /** Milliseconds since some moment; never goes back, whatever happens to the wall clock. */
  readonly now: () => number;
  /** Runs something once after so many milliseconds; the answer calls it off. */
  readonly after: (ms: number, run: () => void) => () => void;
}

/** The longest time Node's timers can wait, about 25 days; longer ones are set again on the way. */
const LONGEST_MS = 2 ** 31 - 1;

/** Those of the process. */
export const SYSTEM_TIMERS: Timers = {
  now: () => performance.now(),
  after: (ms, run) => {
    let left = ms;
    const next = (): void => {
      left -= LONGEST_MS;
      if (left <= 0) run();
      else timer = setTimeout(next, Math.min(left, LONGEST_MS));
    };
    let timer = setTimeout(next, Math.min(left, LONGEST_MS));
    return () => clearTimeout(timer);
  },
};

/** Waits, at most until the signal fires; never throws. */
export function pause(timers: Timers, ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const done = (): void => resolve(undefined);
  if (signal.aborted) return Promise.resolve();
  const cancel = timers.after(ms, done);
  signal.addEventListener('abort', done, { once: true });
  return promise.finally(() => {
    cancel();
    signal.removeEventListener('abort', done);
  });
}
