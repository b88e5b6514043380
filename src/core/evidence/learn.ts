import { Fault, unknown, type Clock, type Fact, type Unknown, type Unread } from '../model/index.ts';

/** Passes on a failure that is no {@link Fault}, hence a bug, to the log. */
export type Report = (error: unknown) => void;

/**
 * Asks one question outside and turns every outcome into a fact: a value is `found`, `undefined` is `absent`, and
 * whatever was thrown is `unknown`, never `absent`.
 */
export async function learn<T>(
  ask: () => Promise<T | undefined>,
  { clock, report }: { readonly clock: Clock; readonly report: Report },
): Promise<Fact<T>> {
  try {
    const value = await ask();
    const seenAt = clock();
    return value === undefined ? { state: 'absent', seenAt } : { state: 'found', value, seenAt };
  } catch (error) {
    if (error instanceof Fault) return unknown(error.code, error.message, error.transient);
    report(error);
    return unknown('InternalError', 'an internal error, see the log of Pratique');
  }
}

/** An unknown fact as a piece of evidence that exists but cannot be read. */
export function unread({ reason, transient }: Unknown): Unread {
  return { state: 'unread', reason, transient };
}
