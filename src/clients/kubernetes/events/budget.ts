import { LRUCache } from 'lru-cache';
import type { Clock } from '../../../core/model/index.ts';

/** Events one object may cause at once: what client-go allows. */
const BURST = 25;
/** Milliseconds until one more is allowed: what client-go allows, too. */
const REFILL_MS = 300_000;
/** Objects whose budgets are remembered; one that is forgotten has a full budget again. */
const MAX_OBJECTS = 4_096;

/** Takes one event from the budget of an object; `false` when it is used up. */
export type EventBudget = (object: string) => boolean;

/** Makes a token bucket per object: one that goes wrong all the time does not drown what others have to say. */
export function createEventBudget(clock: Clock): EventBudget {
  const buckets = new LRUCache<string, { readonly tokens: number; readonly at: number }>({
    max: MAX_OBJECTS,
  });
  return (object) => {
    const now = clock().getTime();
    const { tokens, at } = buckets.get(object) ?? { tokens: BURST, at: now };
    const filled = Math.min(BURST, tokens + Math.max(0, now - at) / REFILL_MS); // a clock set back takes nothing away
    if (filled < 1) return false;
    buckets.set(object, { tokens: filled - 1, at: now });
    return true;
  };
}
