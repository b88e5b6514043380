import { ownerName, type Owner } from '../../core/model/index.ts';

/**
 * A queue in which owners take turns, in rounds: each owner's entries in their order, and one of every namespace before a second
 * of any, also when the second was there before. A namespace's admissions and its background work have their turns together, and
 * the background's comes a round later. Owners are counted under the name of {@link ownerName} or of their namespace.
 */
export interface FairQueue<T> {
  readonly push: (owner: string, entry: T) => void;
  /** The next entry; `undefined` when none waits. */
  readonly shift: () => T | undefined;
  /** Entries that wait: of one owner, or all. */
  readonly size: (owner?: string) => number;
}

/** Makes an empty queue. Owners without entries take no memory beyond the round in which they had their turn. */
export function createFairQueue<T>(): FairQueue<T> {
  const waiting = new Map<string, { readonly came: number; readonly entries: T[] }>();
  /** By namespace, the round of its next turn; of those that had one in this round. */
  const turns = new Map<string, number>();
  let [round, all] = [0, 0];
  const roundOf = (owner: string, came: number): number =>
    Math.max(came, turns.get(namespaceIn(owner)) ?? 0) + (owner.startsWith(ownerName(NO_ONE)) ? 1 : 0);
  const nextOwner = (): { readonly owner: string; readonly at: number } | undefined => {
    let next: { readonly owner: string; readonly at: number } | undefined;
    for (const [owner, { came }] of waiting) {
      const at = roundOf(owner, came);
      if (next === undefined || at < next.at) next = { owner, at };
    }
    return next;
  };
  const enter = (at: number): void => {
    if (at <= round) return;
    round = at;
    for (const [namespace, turn] of turns) if (turn <= round) turns.delete(namespace);
  };
  return {
    push: (owner, entry) => {
      all += 1;
      const own = waiting.get(owner);
      if (own) own.entries.push(entry);
      else waiting.set(owner, { came: round, entries: [entry] });
    },
    shift: () => {
      const next = nextOwner();
      if (next === undefined) return undefined;
      const { owner, at } = next;
      const [entry, ...rest] = waiting.get(owner)?.entries ?? [];
      // To the end of the line: a map keeps the order in which its keys were added.
      waiting.delete(owner);
      if (rest.length > 0) waiting.set(owner, { came: round, entries: rest });
      enter(at);
      turns.set(namespaceIn(owner), at + 1);
      all -= 1;
      return entry;
    },
    size: (owner) => (owner === undefined ? all : (waiting.get(owner)?.entries.length ?? 0)),
  };
}

const NO_ONE: Owner = { namespace: '', background: true };

/** The namespace of an owner's name. */
function namespaceIn(owner: string): string {
  return owner.slice(owner.indexOf(' ') + 1);
}
