/** Allows a number of operations per second, for each queue separately. */
export interface Rate {
  /** 0 and a token is taken, or the milliseconds until there is one. */
  readonly take: (queue: string, now: number) => number;
  /** Forgets queues that have been idle: for them a new bucket is the same. */
  readonly tidy: (now: number) => void;
}

interface Bucket {
  readonly tokens: number;
  readonly at: number;
}

/** Token buckets that hold one second's worth, and at least one. */
export function createRate(perSecond: number): Rate {
  const capacity = Math.max(1, perSecond);
  const buckets = new Map<string, Bucket>();
  const level = (queue: string, now: number): number => {
    const { tokens, at } = buckets.get(queue) ?? { tokens: capacity, at: now };
    // A clock that is set back must not empty a bucket.
    return Math.min(capacity, tokens + (Math.max(0, now - at) * perSecond) / 1_000);
  };
  return {
    take: (queue, now) => {
      const tokens = level(queue, now);
      if (tokens < 1) return Math.ceil(((1 - tokens) * 1_000) / perSecond);
      buckets.set(queue, { tokens: tokens - 1, at: now });
      return 0;
    },
    tidy: (now) => {
      for (const queue of buckets.keys()) if (level(queue, now) >= capacity) buckets.delete(queue);
    },
  };
}
