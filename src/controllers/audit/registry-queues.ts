import type { Rate } from './rate.ts';

/** Of this many turns of a lane one goes to whoever waits longest, so that news never starve the rest. */
const TURNS_OF_NEWS = 4;

/** What waits, lane by lane: news before routine, the newest first. */
export interface Lanes {
  /** Puts a key into a lane; nothing for a lane that costs nothing. */
  readonly put: (key: string, lane: string | undefined, fresh: boolean) => void;
  readonly drop: (key: string) => void;
  /** The next key that its lane lets through, or the milliseconds until one may go; `undefined` when nothing waits. */
  readonly next: (now: number) => { readonly key: string } | { readonly waitMs: number } | undefined;
  readonly size: () => number;
}

interface Lane {
  readonly name: string | undefined;
  /** In the order of arrival. */
  readonly all: Set<string>;
  /** News, the newest last; may name keys that are no longer waiting. */
  news: string[];
  turns: number;
}

/** Lanes take turns; within one, `rate` says when. */
export function createLanes(rate: Rate): Lanes {
  const lanes = new Map<string | undefined, Lane>();
  const laneOf = new Map<string, Lane>();

  const drop = (key: string) => {
    const lane = laneOf.get(key);
    lane?.all.delete(key);
    laneOf.delete(key);
    if (lane?.all.size === 0) lanes.delete(lane.name);
  };
  const put: Lanes['put'] = (key, name, fresh) => {
    const before = laneOf.get(key);
    if (before && before.name !== name) drop(key);
    const lane = lanes.get(name) ?? { name, all: new Set(), news: [], turns: 0 };
    lanes.set(name, lane);
    laneOf.set(key, lane);
    lane.all.add(key);
    if (!fresh || lane.news.at(-1) === key) return;
    lane.news.push(key);
    if (lane.news.length > 2 * lane.all.size) lane.news = stillWaiting(lane);
  };
  const next: Lanes['next'] = (now) => {
    let waitMs = Infinity;
    for (const [name, lane] of lanes) {
      const wait = name === undefined ? 0 : rate.take(name, now);
      const key = wait === 0 ? choose(lane) : undefined;
      if (key !== undefined) {
        // To the end of the row, if it stays at all.
        lanes.delete(name);
        lanes.set(name, lane);
        drop(key);
        return { key };
      }
      waitMs = Math.min(waitMs, wait);
    }
    return lanes.size === 0 ? undefined : { waitMs };
  };
  return { put, drop, next, size: () => laneOf.size };
}

function choose(lane: Lane): string | undefined {
  lane.turns = (lane.turns + 1) % TURNS_OF_NEWS;
  while (lane.turns !== 0 && lane.news.length > 0) {
    const key = lane.news.pop();
    if (key !== undefined && lane.all.has(key)) return key;
  }
  return lane.all.values().next().value;
}

/** The news of a lane that still wait, each once, at its last place. */
function stillWaiting({ news, all }: Lane): string[] {
  return [...new Set(news.toReversed())].filter((key) => all.has(key)).toReversed();
}
