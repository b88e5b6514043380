import type { Timers } from './rest/timers.ts';

/** One alarm per key: the earliest that was asked for. */
export interface Alarms {
  /** Rings for a key in so many milliseconds, unless it rings earlier anyway. */
  readonly set: (key: string, ms: number) => void;
  readonly cancel: (key: string) => void;
  readonly clear: () => void;
}

/** Node's timers hold 25 days; longer alarms are wound up again on the way. */
const LONGEST_NAP_MS = 86_400_000;

/** Makes alarms that call `ring`. */
export function createAlarms(timers: Timers, ring: (key: string) => void): Alarms {
  const alarms = new Map<string, { readonly at: number; cancel: () => void }>();

  const cancel = (key: string): void => {
    alarms.get(key)?.cancel();
    alarms.delete(key);
  };

  const wind = (key: string, at: number): (() => void) => {
    const left = at - timers.now();
    return timers.after(Math.min(Math.max(0, left), LONGEST_NAP_MS), () => {
      const alarm = alarms.get(key);
      if (alarm && at > timers.now()) {
        alarm.cancel = wind(key, at);
        return;
      }
      alarms.delete(key);
      ring(key);
    });
  };

  return {
    set: (key, ms) => {
      const at = timers.now() + ms;
      if ((alarms.get(key)?.at ?? Infinity) <= at) return;
      cancel(key);
      alarms.set(key, { at, cancel: wind(key, at) });
    },
    cancel,
    clear: () => {
      for (const key of [...alarms.keys()]) cancel(key);
    },
  };
}
