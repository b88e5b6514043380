import type { WorkOrder } from '../../clients/kubernetes/index.ts';
import { createRate } from './rate.ts';

/** One of this many turns of a queue goes to the key that has waited longest, so that news never starve the rest. */
const TURNS_OF_NEWS = 4;

interface RegistryQueue {
  readonly name: string | undefined;
  /** In the order of arrival. */
  readonly all: Set<string>;
  /** News, the newest last; may name keys that are no longer waiting. */
  news: string[];
  turns: number;
}

/**
 * One queue per registry, each with a budget of keys per second; a key without a registry uses none. Queues take turns; in a queue
 * changes run before routine, the newest first.
 */
export function createRegistryQueues({
  registryOf,
  perSecond,
}: {
  readonly registryOf: (key: string) => string | undefined;
  readonly perSecond: number;
}): WorkOrder {
  const rate = createRate(perSecond);
  const queues = new Map<string | undefined, RegistryQueue>();
  const queueOf = new Map<string, RegistryQueue>();

  const drop = (key: string) => {
    const queue = queueOf.get(key);
    queue?.all.delete(key);
    queueOf.delete(key);
    if (queue?.all.size === 0) queues.delete(queue.name);
  };
  const put = (key: string, fresh: boolean) => {
    const name = registryOf(key);
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
  const next: WorkOrder['next'] = (now) => {
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
    if (queues.size > 0) return { waitMs };
    rate.tidy(now);
    return undefined;
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
