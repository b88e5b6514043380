import type { Collection, KubeObject, WatchEvent } from '../../../src/clients/kubernetes/types.ts';
import { belongs } from './cluster-selectors.ts';
import { resourceName, type Change, type Store } from './cluster-store.ts';

/** All watches of one twin. */
export interface Watches {
  open(collection: Collection, resourceVersion: string, signal: AbortSignal): AsyncIterable<WatchEvent>;
  /** Makes every watch read again. */
  wake(): void;
  /** Sends a bookmark to every open watch. */
  bookmark(): void;
  /** Ends every open watch: quietly as the server does, or with an error. */
  end(error?: unknown): void;
  /** Open watches. */
  count(): number;
}

interface Open {
  wake: () => void;
  readonly queued: WatchEvent[];
  ended?: { readonly error: unknown };
}

/** Watches over a store (handed in late, because the store triggers them). */
export function createWatches(store: () => Store): Watches {
  const open = new Set<Open>();
  const wake = (): void => {
    for (const one of open) one.wake();
  };

  async function* follow(
    one: Open,
    collection: Collection,
    from: string,
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent> {
    let seen = Number(from);
    while (!signal.aborted && !one.ended) {
      const { promise: triggered, resolve } = Promise.withResolvers<undefined>();
      one.wake = () => {
        resolve(undefined);
      };
      const changes = store().since(resourceName(collection.resource), seen);
      if (!changes) {
        yield { type: 'expired' };
        return;
      }
      seen = Math.max(seen, store().revision());
      yield* changes.flatMap((change) => eventOf(change, collection));
      yield* one.queued.splice(0);
      if (store().revision() === seen && one.queued.length === 0) await triggered;
    }
    if (one.ended?.error !== undefined) throw one.ended.error as Error;
  }

  return {
    open: async function* (collection, resourceVersion, signal) {
      const one: Open = { wake: () => undefined, queued: [] };
      const onAbort = (): void => {
        one.wake();
      };
      open.add(one);
      signal.addEventListener('abort', onAbort);
      try {
        yield* follow(one, collection, resourceVersion, signal);
      } finally {
        signal.removeEventListener('abort', onAbort);
        open.delete(one);
      }
    },
    wake,
    bookmark: () => {
      const resourceVersion = String(store().revision());
      for (const one of open) one.queued.push({ type: 'bookmark', resourceVersion });
      wake();
    },
    end: (error) => {
      for (const one of open) one.ended = { error };
      wake();
    },
    count: () => open.size,
  };
}

/** What a change is for one collection: an object whose labels no longer fit has left it. */
function eventOf({ before, after }: Change, collection: Collection): readonly WatchEvent[] {
  const was = before !== undefined && belongs(before, collection);
  const is = after !== undefined && belongs(after, collection);
  const event = (
    type: 'added' | 'modified' | 'deleted',
    object: KubeObject | undefined,
  ): readonly WatchEvent[] => (object ? [{ type, object: structuredClone(object) }] : []);
  if (is) return event(was ? 'modified' : 'added', after);
  if (!was) return [];
  const version = after?.metadata.resourceVersion;
  return event(
    'deleted',
    after && version !== undefined
      ? { ...before, metadata: { ...before.metadata, resourceVersion: version } }
      : before,
  );
}
