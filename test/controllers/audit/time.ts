import { NOW } from '../../support/policies.ts';

/** A clock with timers that only advances when a test advances it. */
export interface StillTime {
  readonly clock: () => Date;
  readonly timers: { readonly now: () => number; readonly after: StillTime['after'] };
  readonly after: (ms: number, run: () => void) => () => void;
  /** Lets this much time pass; everything that was due has run and settled after it. */
  readonly pass: (ms: number) => Promise<void>;
  /** Milliseconds of the timers that are set, from now. */
  readonly pending: () => readonly number[];
}

/** Starts at the moment at which all tests judge. */
export function stillTime(): StillTime {
  let now = NOW.getTime();
  const timers = new Map<symbol, { readonly at: number; readonly run: () => void }>();
  const earliest = () => [...timers].toSorted(([, a], [, b]) => a.at - b.at)[0];
  const after: StillTime['after'] = (ms, run) => {
    const id = Symbol('timer');
    timers.set(id, { at: now + ms, run });
    return () => void timers.delete(id);
  };
  return {
    clock: () => new Date(now),
    timers: { now: () => now, after },
    after,
    pass: async (ms) => {
      const end = now + ms;
      await settle();
      for (let next = earliest(); next && next[1].at <= end; next = earliest()) {
        const [id, { at, run }] = next;
        timers.delete(id);
        now = Math.max(now, at);
        run();
        await settle();
      }
      now = end;
    },
    pending: () => [...timers.values()].map(({ at }) => at - now),
  };
}

/** Waits until every promise that can settle has done so. */
export async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
