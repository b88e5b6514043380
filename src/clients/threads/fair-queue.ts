/** A queue in which owners take turns: each owner's entries in their order, one of every owner before a second of any. */
export interface FairQueue<T> {
  readonly push: (owner: string, entry: T) => void;
  /** The next entry; `undefined` when none waits. */
  readonly shift: () => T | undefined;
  /** Entries that wait: of one owner, or all. */
  readonly size: (owner?: string) => number;
}

/** Makes an empty queue. Owners without entries take no memory. */
export function createFairQueue<T>(): FairQueue<T> {
  const waiting = new Map<string, T[]>();
  let all = 0;
  return {
    push: (owner, entry) => {
      all += 1;
      const own = waiting.get(owner);
      if (own) own.push(entry);
      else waiting.set(owner, [entry]);
    },
    shift: () => {
      const [first] = waiting;
      if (first === undefined) return undefined;
      const [owner, [entry, ...rest]] = first;
      // To the end of the line: a map keeps the order in which its keys were added.
      waiting.delete(owner);
      if (rest.length > 0) waiting.set(owner, rest);
      all -= 1;
      return entry;
    },
    size: (owner) => (owner === undefined ? all : (waiting.get(owner)?.length ?? 0)),
  };
}
