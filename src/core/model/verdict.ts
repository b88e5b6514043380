import type { Evidence } from './evidence.ts';
import type { ImageRef } from './reference.ts';
import type { ReasonCode } from './reason.ts';

/** What a policy does with an image that does not satisfy it. */
export type Enforcement = 'Deny' | 'Warn' | 'Audit';

/**
 * One thing found against an image by one policy.
 * - `refused`: the evidence says no;
 * - `unknown`: a needed fact could not be learned;
 * - `notice`: nothing is wrong yet, a person should know.
 */
export interface Finding {
  readonly kind: 'refused' | 'unknown' | 'notice';
  readonly reason: ReasonCode;
  /** What was found and who to satisfy, as one clause. */
  readonly found: string;
  /** One thing to do next, as one clause. */
  readonly next: string;
  readonly policy: string;
  /** Whether trying again may help, without any change. */
  readonly transient: boolean;
}

/** A finding with what follows from it under the policy that made it. */
export interface JudgedFinding extends Finding {
  readonly effect: 'deny' | 'warn' | 'audit';
}

/**
 * The answer for one image. `unknown` is a refusal because a fact could not be learned; `deny` is a refusal because
 * of what was learned. Findings that did not change the answer (Audit, allowed unknowns) are kept.
 */
export interface Verdict {
  readonly kind: 'allow' | 'warn' | 'deny' | 'unknown';
  readonly findings: readonly JudgedFinding[];
}

/** An image where it was found: which container, which field of the object, and the reference as written there. */
export interface NamedImage {
  readonly container: string;
  /** E.g. `spec.template.spec.containers[0].image`. */
  readonly field: string;
  readonly image: string;
  /** What `image` names, where it was parsed already. */
  readonly reference?: ImageRef;
}

/** An image with its verdict; `reference` carries the digest as far as it was resolved, and is absent when unreadable. */
export interface JudgedImage extends NamedImage {
  readonly verdict: Verdict;
  /** What the verdict rests on; absent where nothing had to be known. */
  readonly evidence?: Evidence;
}
