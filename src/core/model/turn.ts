/** For whom something is asked outside: the namespace that an admission, an audit or a promotion is about. */
export interface Owner {
  readonly namespace: string;
  /** Nothing waits for it that people wait for: admissions go first. */
  readonly background?: boolean;
}

/** The name under which an owner is counted: background work has a count of its own. */
export function ownerName({ namespace, background }: Owner): string {
  return `${background ? 'background' : 'admission'} ${namespace}`;
}

/** For whom a request is sent: one owner, or everyone who waits for its answer by now. */
export interface Turn {
  /** Calls back for each owner once: at once for those of now, later for those who join. Returns what ends this. */
  readonly follow: (onOwner: (owner: Owner) => void) => () => void;
  /** Notes that something waits for a limit of this process, not for an answer, until the returned is called. */
  readonly wait?: () => () => void;
  /** Notes that a turn waits for another one that it joined, until the returned is called. */
  readonly waitFor?: (other: SharedTurn) => () => void;
}

/** A turn that others join while they wait for the same answer: none of them waits longer than if it had asked alone. */
export interface SharedTurn extends Turn {
  readonly join: (turn: Turn) => void;
  /** Stops following those who joined. */
  readonly end: () => void;
  /** Whether something that is asked in this turn waits for a limit of this process now. */
  readonly isWaiting: () => boolean;
}

/** The turn of one owner. */
export function turnOf(owner: Owner): Turn {
  return {
    follow: (onOwner) => {
      onOwner(owner);
      return () => undefined;
    },
  };
}

/** A turn that belongs to no one yet. */
export function sharedTurn(): SharedTurn {
  const owners = new Map<string, Owner>();
  const followers = new Set<(owner: Owner) => void>();
  const followed: (() => void)[] = [];
  const waits = new Set<unknown>();
  const others = new Set<SharedTurn>();
  const shared: SharedTurn = {
    follow: (onOwner) => {
      for (const owner of owners.values()) onOwner(owner);
      followers.add(onOwner);
      return () => void followers.delete(onOwner);
    },
    join: (turn) => {
      const leave = turn.follow((owner) => {
        const key = ownerName(owner);
        if (owners.has(key)) return;
        owners.set(key, owner);
        for (const onOwner of [...followers]) onOwner(owner);
      });
      followed.push(leave);
      const part = turn.waitFor?.(shared);
      if (part) followed.push(part);
    },
    end: () => {
      for (const leave of followed.splice(0)) leave();
    },
    wait: () => during(waits, {}),
    waitFor: (other) => during(others, other),
    isWaiting: () => waits.size > 0 || [...others].some((other) => other.isWaiting()),
  };
  return shared;
}

/** Keeps a thing in a set until the returned is called. */
function during<T>(all: Set<T>, thing: T): () => void {
  all.add(thing);
  return () => void all.delete(thing);
}

/** The owner who asked first; `undefined` for a turn of no one. */
export function firstOwner(turn: Turn): Owner | undefined {
  let first: Owner | undefined;
  const leave = turn.follow((owner) => {
    first ??= owner;
  });
  leave();
  return first;
}

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
