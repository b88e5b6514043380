import type { Evidence, Finding, ImageRef, Unknown } from '../../model/index.ts';
import type { CompiledPolicy } from '../compile/compile.ts';

/** What every check is given: the reference as the object names it, what is known, what is required, and when. */
export interface Given {
  readonly use: ImageRef;
  readonly evidence: Evidence;
  readonly policy: CompiledPolicy;
  readonly now: Date;
}

/** One way to be refused: looks at what is known and answers a finding, or nothing. Pure. */
export type Check = (given: Given) => Finding | undefined;

/** The finding that follows from a fact that could not be learned. */
export function unknownFinding(policy: CompiledPolicy, { reason, transient }: Unknown): Finding {
  return {
    kind: 'unknown',
    reason: reason.code,
    found: reason.detail,
    next: transient ? 'try again in a moment' : 'ask the owner of the registry or of the policy',
    policy: policy.name,
    transient,
  };
}

/** The finding for an image that the registry does not have. */
export function notThere({ policy }: Given): Finding {
  return {
    kind: 'refused',
    reason: 'ImageNotFound',
    found: 'the registry has no such image, or hides it from this login',
    next: 'check name, tag and pull access',
    policy: policy.name,
    transient: false,
  };
}
