import { LRUCache } from 'lru-cache';
import type { Clock } from '../../core/model/index.ts';
import type { Caller } from '../ports.ts';

/** Images that one caller may ask for within the time in which they count; the rest of them wait for the schedule. */
export const MAX_IMAGES_OF_CALLER = 20;
/** Milliseconds for which it counts that an image was asked for: one that a run did not bring is not asked for again before. */
const COUNTS_MS = 3_600_000;
/** Callers, and images, of which it is remembered what was asked for. */
const MAX_CALLERS = 10_000;
const MAX_IMAGES = 50_000;

/** Whether an image may be asked for: wanted by callers since then, or by this one not before. */
type Counted =
  { readonly state: 'counted'; readonly since: Date } | { readonly state: 'exceeded'; readonly until: Date };

/** Counts images that callers ask for: since when each is wanted, or until when a caller may ask for no more. */
export function createBudget(clock: Clock): (caller: Caller, image: string) => Counted {
  const images = new LRUCache<string, Date>({ max: MAX_IMAGES });
  const callers = new LRUCache<string, { readonly since: Date; readonly images: Set<string> }>({
    max: MAX_CALLERS,
  });
  const isOver = (since: Date): boolean => clock().getTime() - since.getTime() >= COUNTS_MS;
  return ({ kind, name, share }, image) => {
    const wanted = images.get(image);
    if (wanted && !isOver(wanted)) return { state: 'counted', since: wanted };
    const key = share ?? `${kind} ${name}`;
    const known = callers.get(key);
    const own = known && !isOver(known.since) ? known : { since: clock(), images: new Set<string>() };
    if (own.images.size >= MAX_IMAGES_OF_CALLER)
      return { state: 'exceeded', until: new Date(own.since.getTime() + COUNTS_MS) };
    own.images.add(image);
    callers.set(key, own);
    const since = clock();
    images.set(image, since);
    return { state: 'counted', since };
  };
}
