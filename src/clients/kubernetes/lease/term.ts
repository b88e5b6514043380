import type { Timers } from '../rest/timers.ts';

/** One time of leading: from the moment the Lease was held until it no longer surely is. */
export interface Term {
  /** Whether it still lasts, by the local clock: true even before the timer that ends it has come to fire. */
  lasts(): boolean;
  /** Puts off the end. */
  extend(until: number): void;
  /** Stops the work. */
  end(): void;
  /** Resolves when the work has stopped, by itself or because of `end`; never rejects. */
  readonly over: Promise<void>;
  /** Whether the work has stopped. */
  readonly isOver: () => boolean;
}

interface TermOptions {
  readonly until: number;
  readonly lead: (signal: AbortSignal) => Promise<void>;
  readonly timers: Timers;
  /** Called once when the term ends, for whatever reason. */
  readonly onEnd: () => void;
  readonly onError: (error: unknown) => void;
}

/** Begins a term that ends by itself at a moment of the local clock, whatever the network does. */
export function beginTerm({ until, lead, timers, onEnd, onError: onError }: TermOptions): Term {
  const stop = new AbortController();
  let deadline = until;
  let isOver = false;
  let cancel = (): void => undefined;

  const end = (): void => {
    if (stop.signal.aborted) return;
    cancel();
    stop.abort();
    onEnd();
  };
  const wind = (): void => {
    cancel();
    cancel = timers.after(Math.max(0, deadline - timers.now()), end);
  };
  wind();

  const work = async (): Promise<void> => {
    try {
      await lead(stop.signal);
    } catch (error) {
      onError(error);
    } finally {
      isOver = true;
      end();
    }
  };

  return {
    lasts: () => !stop.signal.aborted && timers.now() < deadline,
    extend: (to) => {
      if (stop.signal.aborted) return;
      deadline = to;
      wind();
    },
    end,
    over: work(),
    isOver: () => isOver,
  };
}
