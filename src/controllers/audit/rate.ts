/**
 * Allows a number of operations per second, for each queue separately: token buckets that hold one second's worth, and at least
 * one. `take` gives 0 and takes a token, or gives the milliseconds until there is one. `tidy` forgets queues that have been idle:
 * for them a new bucket is the same.
 */
export function createRate(perSecond: number) {
  const capacity = Math.max(1, perSecond);
  const buckets = new Map<string, { readonly tokens: number; readonly at: number }>();
  const level = (queue: string, now: number): number => {
    const { tokens, at } = buckets.get(queue) ?? { tokens: capacity, at: now };
    // A clock that is set back must not empty a bucket.
    return Math.min(capacity, tokens + (Math.max(0, now - at) * perSecond) / 1_000);
  };
  return {
    take: (queue: string, now: number): number => {
      const tokens = level(queue, now);
      if (tokens < 1) return Math.ceil(((1 - tokens) * 1_000) / perSecond);
      buckets.set(queue, { tokens: tokens - 1, at: now });
      return 0;
    },
    tidy: (now: number): void => {
      for (const queue of buckets.keys()) if (level(queue, now) >= capacity) buckets.delete(queue);
    },
  };
}
