import { Fault } from '../model/index.ts';

/** How often something is tried that breaks on what may pass by itself: the first time, and twice more. */
export const MAX_ATTEMPTS = 3;
/** Milliseconds before the second try, and four times as long before the third: what a restart of a registry takes. */
const FIRST_PAUSE_MS = 1_000;

/** A registry that wants to be left alone. */
export interface Rest {
  readonly side: 'source' | 'target';
  /** For how long, in milliseconds; 0 = go on. */
  readonly ms: number;
}

/** How it is waited. */
export interface Waiting {
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>;
  /** For how long the registries want to be left alone before something new is begun. */
  readonly restOf: () => Promise<Rest>;
  /** Called before such a rest; must not throw. */
  readonly onRest?: ((rest: Rest) => void) | undefined;
  /** Shared by all pieces of one work; absent = each piece is tried by itself. */
  readonly patience?: Patience;
}

/** Waits before the next try, or less when the run ends meanwhile. `attempt` = the one that has failed, from 1. */
export async function waitAfter(
  attempt: number,
  { pause }: Pick<Waiting, 'pause'>,
  signal: AbortSignal,
): Promise<void> {
  await wait(FIRST_PAUSE_MS * 4 ** (attempt - 1), pause, signal);
}

/** Leaves the registries alone for as long as they want. Such a rest is announced, since it may take minutes; the answer names it. */
export async function restBefore({ pause, restOf, onRest }: Waiting, signal: AbortSignal): Promise<Rest> {
  const rest = await restOf();
  if (rest.ms > 0 && !signal.aborted) onRest?.(rest);
  await wait(rest.ms, pause, signal);
  return rest;
}

/** Whether many pieces of the same work are still worth more than one try each. */
export interface Patience {
  readonly isOver: () => boolean;
  /** What came of a piece: an answer, or a failure of its last try. */
  readonly note: (hasFailed: boolean) => void;
}

/** Pieces that fail in a row before the others get one try each: as many as are asked for at a time. A registry that is down answers none. */
const MAX_FAILED_IN_ROW = 16;

/** The patience with the pieces of one plan. */
export function createPatience(): Patience {
  let failed = 0;
  return {
    isOver: () => failed >= MAX_FAILED_IN_ROW,
    note: (hasFailed) => {
      failed = hasFailed ? failed + 1 : 0;
    },
  };
}

/** Asks again what breaks on something that may pass. Throws what the last try has thrown. */
export async function tryAgain<T>(work: () => Promise<T>, waiting: Waiting, signal: AbortSignal): Promise<T> {
  const { patience = createPatience() } = waiting;
  for (let attempt = 1; ; attempt += 1) {
    try {
      const answer = await work();
      patience.note(false);
      return answer;
    } catch (error) {
      if (!(error instanceof Fault) || !error.transient || signal.aborted) throw error;
      if (attempt === MAX_ATTEMPTS || patience.isOver()) {
        patience.note(true);
        throw error;
      }
      await waitAfter(attempt, waiting, signal);
      await restBefore(waiting, signal);
    }
  }
}

async function wait(ms: number, pause: Waiting['pause'], signal: AbortSignal): Promise<void> {
  if (ms > 0 && !signal.aborted) await pause(ms, signal).catch(() => undefined);
}
