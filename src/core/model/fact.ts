import type { Reason, ReasonCode } from './reason.ts';

/**
 * What is known about one question. `absent` (we looked, there is none) and `unknown` (we could not find out) are
 * different words, and nothing turns the second into the first.
 */
export type Fact<T> =
  | { readonly state: 'found'; readonly value: T; readonly seenAt: Date }
  | { readonly state: 'absent'; readonly seenAt: Date }
  | { readonly state: 'unknown'; readonly reason: Reason; readonly transient: boolean };

/** A fact that could not be learned. */
export type Unknown = Extract<Fact<never>, { state: 'unknown' }>;

/** A fact that could not be learned: why, as one clause, and whether the same question may be answered later. */
export function unknown(code: ReasonCode, detail: string, transient = false): Unknown {
  return { state: 'unknown', reason: { code, detail }, transient };
}
