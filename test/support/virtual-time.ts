import { setImmediate } from 'node:timers/promises';

/** Time that only advances when a test advances it. */
export interface VirtualTime {
  /** Milliseconds since the start. */
  readonly now: () => number;
  readonly after: (ms: number, run: () => void) => () => void;
  /** Advances the time, and waits at every timer until all its effects have settled. */
  advance(ms: number): Promise<void>;
  /** Timers that are set. */
  pending(): number;
}

/** Time from `start` (milliseconds) on. */
export function createVirtualTime(start = 0): VirtualTime {
  const timers = new Set<{ readonly at: number; readonly run: () => void }>();
  let now = start;

  const settle = async (): Promise<void> => {
    await setImmediate(); // all promises that are ready have run by then
    await setImmediate();
  };

  return {
    now: () => now,
    after: (ms, run) => {
      const timer = { at: now + ms, run };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    advance: async (ms) => {
      const until = now + ms;
      await settle();
      for (;;) {
        const next = [...timers].toSorted((a, b) => a.at - b.at)[0];
        if (!next || next.at > until) break;
        now = Math.max(now, next.at);
        timers.delete(next);
        next.run();
        await settle();
      }
      now = until;
    },
    pending: () => timers.size,
  };
}
