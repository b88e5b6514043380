/** Bounds of the pauses before a restart, in milliseconds. */
export interface BackoffBounds {
  readonly baseMs: number;
  readonly maxMs: number;
}

/** Pauses that double, each with a part drawn by lot so that many clients do not return at the same moment. */
export interface Backoff {
  /** Milliseconds to wait now. */
  next(): number;
  /** The connection works: the next pause is short again. */
  reset(): void;
}

/** Pauses between half and all of base, 2·base, 4·base … max. `random` draws from [0, 1). */
export function createBackoff({ baseMs, maxMs }: BackoffBounds, random: () => number): Backoff {
  let ceiling = baseMs;
  return {
    next: () => {
      const ms = ceiling * (0.5 + random() / 2);
      ceiling = Math.min(ceiling * 2, maxMs);
      return ms;
    },
    reset: () => void (ceiling = baseMs),
  };
}
