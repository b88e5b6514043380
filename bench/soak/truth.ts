/** One answer: `allow`, a reason code of a refusal, or a digest that was pinned. */
export type Outcome = string;

/** What may be answered to a request that was sent and answered at these times (`performance.now()`). */
export type Permits = (sent: number, answered: number) => ReadonlySet<Outcome>;

/** What is right about one image, and since when. */
export interface Truth {
  readonly permits: Permits;
  /**
   * Changes what is right by `apply`. While it runs both are right, and for `graceMs` after it: the time for which the product may
   * remember or not have received the change.
   */
  readonly change: (
    next: readonly Outcome[],
    graceMs: number,
    apply: () => Promise<unknown>,
  ) => Promise<void>;
}

interface State {
  readonly outcomes: readonly Outcome[];
  readonly since: number;
  until: number;
}

/** Requests are answered within seconds: a state that ended longer ago is not asked for any more. */
const KEPT_MS = 60_000;

/** A truth that holds since ever. */
export function createTruth(first: readonly Outcome[], now = () => performance.now()): Truth {
  let states: readonly State[] = [{ outcomes: first, since: -Infinity, until: Infinity }];
  return {
    permits: (sent, answered) =>
      new Set(
        states
          .filter(({ since, until }) => since <= answered && until >= sent)
          .flatMap(({ outcomes }) => outcomes),
      ),
    change: async (next, graceMs, apply) => {
      const before = states.at(-1);
      states = [...states, { outcomes: next, since: now(), until: Infinity }];
      await apply();
      if (before) before.until = now() + graceMs;
      states = states.filter(({ until }) => until > now() - KEPT_MS);
    },
  };
}

/** What never changes. */
export function always(...outcomes: readonly Outcome[]): Permits {
  const set = new Set(outcomes);
  return () => set;
}

/** All that one of them permits. */
export function either(...all: readonly Permits[]): Permits {
  return (sent, answered) => new Set(all.flatMap((permits) => [...permits(sent, answered)]));
}
