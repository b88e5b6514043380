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
