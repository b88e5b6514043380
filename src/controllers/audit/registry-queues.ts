import type { Rate } from './rate.ts';

/** One of this many turns of a queue goes to the key that has waited longest, so that news never starve the rest. */
const TURNS_OF_NEWS = 4;

/** What waits, in one queue per registry: news before routine, the newest first. */
export interface RegistryQueues {
  /** Puts a key into a queue; `undefined` is the queue of keys that cost nothing. */
  readonly put: (key: string, queue: string | undefined, fresh: boolean) => void;
  readonly drop: (key: string) => void;
  /** The next key that its queue allows now, or the milliseconds until one is allowed; `undefined` when nothing waits. */
  readonly next: (now: number) => { readonly key: string } | { readonly waitMs: number } | undefined;
  readonly size: () => number;
}

interface RegistryQueue {
  readonly name: string | undefined;
  /** In the order of arrival. */
  readonly all: Set<string>;
  /** News, the newest last; may name keys that are no longer waiting. */
  news: string[];
  turns: number;
}

/** Queues take turns; within one queue, `rate` decides when the next key may run. */
export function createRegistryQueues(rate: Rate): RegistryQueues {
  const queues = new Map<string | undefined, RegistryQueue>();
  const queueOf = new Map<string, RegistryQueue>();

  const drop = (key: string) => {
    const queue = queueOf.get(key);
    queue?.all.delete(key);
    queueOf.delete(key);
    if (queue?.all.size === 0) queues.delete(queue.name);
  };
  const put: RegistryQueues['put'] = (key, name, fresh) => {
    const before = queueOf.get(key);
    if (before && before.name !== name) drop(key);
    const queue = queues.get(name) ?? { name, all: new Set(), news: [], turns: 0 };
    queues.set(name, queue);
    queueOf.set(key, queue);
    queue.all.add(key);
    if (!fresh || queue.news.at(-1) === key) return;
    queue.news.push(key);
    if (queue.news.length > 2 * queue.all.size) queue.news = stillWaiting(queue);
  };
  const next: RegistryQueues['next'] = (now) => {
    let waitMs = Infinity;
    for (const [name, queue] of queues) {
      const wait = name === undefined ? 0 : rate.take(name, now);
      const key = wait === 0 ? choose(queue) : undefined;
      if (key !== undefined) {
        // To the end of the row, if it stays at all.
        queues.delete(name);
        queues.set(name, queue);
        drop(key);
        return { key };
      }
      waitMs = Math.min(waitMs, wait);
    }
    return queues.size === 0 ? undefined : { waitMs };
  };
  return { put, drop, next, size: () => queueOf.size };
}

function choose(queue: RegistryQueue): string | undefined {
  queue.turns = (queue.turns + 1) % TURNS_OF_NEWS;
  while (queue.turns !== 0 && queue.news.length > 0) {
    const key = queue.news.pop();
    if (key !== undefined && queue.all.has(key)) return key;
  }
  return queue.all.values().next().value;
}

/** The news of a queue that still wait, each once, at its last place. */
function stillWaiting({ news, all }: RegistryQueue): string[] {
  return [...new Set(news.toReversed())].filter((key) => all.has(key)).toReversed();
}
