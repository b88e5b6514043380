import { formatReference, isPinned } from '../../model/index.ts';
import type { Check } from './check.ts';

/** Refuses a reference without digest where the policy demands one. */
export const unpinned: Check = ({ use, evidence, policy }) => {
  if (!policy.digest || isPinned(use)) return undefined;
  return {
    kind: 'refused',
    reason: 'NotPinned',
    found: 'the reference names no digest',
    next: isPinned(evidence.image)
      ? `write ${formatReference(evidence.image)}`
      : 'add @sha256:… to the reference',
    policy: policy.name,
    transient: false,
  };
};
