import type { KubeObject, Metadata } from '../types.ts';

/** What happened to an object of a watched collection. */
export type Change<T> = Pick<Metadata, 'name' | 'namespace'> &
  (
    | { readonly type: 'set'; readonly value: T; readonly previous?: T }
    | { readonly type: 'removed'; readonly previous: T }
  );

export type Entry<T> = Pick<Metadata, 'name' | 'namespace' | 'uid' | 'resourceVersion'> & {
  readonly value: T;
};

/** The objects of a collection, by namespace and name. */
export interface Store<T> {
  readonly entries: ReadonlyMap<string, Entry<T>>;
  /** Keeps an object, unless a newer one of it is kept; what changed by that. */
  set(entry: Entry<T>): Change<T> | undefined;
  /** Forgets an object, unless a newer one of it is kept. */
  remove(object: KubeObject): Change<T> | undefined;
  /** Keeps exactly these; what changed by that, what is gone first. */
  replace(entries: ReadonlyMap<string, Entry<T>>): readonly Change<T>[];
}

/** The key of an object; a slash is in no name. */
export function keyOf(name: string, namespace: string | undefined): string {
  return `${namespace ?? ''}/${name}`;
}

export function createStore<T>(): Store<T> {
  let entries = new Map<string, Entry<T>>();
  return {
    get entries() {
      return entries;
    },
    set: (entry) => {
      const key = keyOf(entry.name, entry.namespace);
      const kept = entries.get(key);
      if (kept !== undefined && (isOlder(entry.resourceVersion, kept.resourceVersion) || same(entry, kept)))
        return undefined;
      entries.set(key, entry);
      return changed(entry, kept);
    },
    remove: ({ metadata }) => {
      const key = keyOf(metadata.name, metadata.namespace);
      const kept = entries.get(key);
      if (kept === undefined || isOlder(metadata.resourceVersion, kept.resourceVersion)) return undefined;
      entries.delete(key);
      return gone(kept);
    },
    replace: (next) => {
      const before = entries;
      entries = new Map(next);
      const removed = [...before].filter(([key]) => !next.has(key)).map(([, kept]) => gone(kept));
      const set = [...next].flatMap(([key, entry]) => {
        const kept = before.get(key);
        return kept !== undefined && same(entry, kept) ? [] : [changed(entry, kept)];
      });
      return [...removed, ...set];
    },
  };
}

function same<T>({ uid, resourceVersion }: Entry<T>, other: Entry<T>): boolean {
  return uid === other.uid && resourceVersion !== undefined && resourceVersion === other.resourceVersion;
}

function changed<T>({ name, namespace, value }: Entry<T>, kept: Entry<T> | undefined): Change<T> {
  return { type: 'set', name, namespace, value, previous: kept?.value };
}

function gone<T>({ name, namespace, value }: Entry<T>): Change<T> {
  return { type: 'removed', name, namespace, previous: value };
}

const NUMBER = /^(?:0|[1-9]\d*)$/;

/** Whether `one` is older. Versions are decimals that may exceed 53 bits; the order of anything else is not known. */
export function isOlder(one: string | undefined, other: string | undefined): boolean {
  if (!one || !other || !NUMBER.test(one) || !NUMBER.test(other)) return false;
  return one.length === other.length ? one < other : one.length < other.length;
}
