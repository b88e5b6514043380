import { formatReference, isPinned } from '../../model/index.ts';
import { refused, type Check } from './check.ts';

/** Refuses a reference without digest where the policy demands one. */
export const unpinned: Check = ({ use, evidence: { image }, policy }) => {
  if (!policy.digest || isPinned(use)) return undefined;
  const next = isPinned(image) ? `write ${formatReference(image)}` : 'add @sha256:… to the reference';
  return refused(policy, 'NotPinned', 'the reference names no digest', next);
};
