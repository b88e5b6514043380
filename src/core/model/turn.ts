/** For whom something is asked outside: the namespace that an admission, an audit or a promotion is about. */
export interface Owner {
  readonly namespace: string;
  /** Nothing waits for it that people wait for: admissions go first. */
  readonly background?: boolean;
}

/** For whom a request is sent: one owner, or everyone who waits for its answer by now. */
export interface Turn {
  /** Calls back for each owner once: at once for those of now, later for those who join. Returns what ends this. */
  readonly follow: (onOwner: (owner: Owner) => void) => () => void;
}

/** A turn that others join while they wait for the same answer: none of them waits longer than if it had asked alone. */
export interface SharedTurn extends Turn {
  readonly join: (turn: Turn) => void;
  /** Stops following those who joined. */
  readonly end: () => void;
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
  return {
    follow: (onOwner) => {
      for (const owner of owners.values()) onOwner(owner);
      followers.add(onOwner);
      return () => void followers.delete(onOwner);
    },
    join: (turn) => {
      const leave = turn.follow((owner) => {
        const key = `${String(owner.background)} ${owner.namespace}`;
        if (owners.has(key)) return;
        owners.set(key, owner);
        for (const onOwner of [...followers]) onOwner(owner);
      });
      followed.push(leave);
    },
    end: () => {
      for (const leave of followed.splice(0)) leave();
    },
  };
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
