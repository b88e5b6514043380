import type { Evidence, Finding } from '../../model/index.ts';
import type { CompiledPolicy } from '../compile/compile.ts';
import type { LifecycleRequirement } from '../compile/requirements.ts';
import {
  counts,
  decidingClaim,
  isPast,
  readLifecycle,
  type LifecycleClaim,
  type LifecycleReading,
} from '../lifecycle.ts';
import { formatDay } from '../time.ts';
import { unknownFinding, notThere, type Check } from './check.ts';

const WORDS = {
  EndOfLife: { past: 'PastEndOfLife', ended: 'ended', ends: 'ends' },
  EndOfSupport: { past: 'PastEndOfSupport', ended: 'support ended', ends: 'support ends' },
} as const;

/** Refuses an image whose end of life (or support) has passed, warns when it is near. The earliest date wins. */
export const pastEndOfLife: Check = (given) => {
  const { evidence, policy, now } = given;
  const { lifecycle } = policy;
  if (!lifecycle) return undefined;
  if (evidence.manifest.state === 'absent') return notThere(given);
  const reading = readLifecycle(evidence, lifecycle);
  const claim = decidingClaim(reading.claims, lifecycle.refuse);
  if (claim && isPast(claim, lifecycle.gracePeriodMs, now)) return past(claim, policy, evidence);
  // A later date proves nothing while an earlier one may hide in what could not be read.
  const doubt = inDoubt(reading, lifecycle.refuse, policy);
  if (doubt) return doubt;
  if (!claim) return lifecycle.required ? missing(policy) : undefined;
  return isNear(claim, lifecycle, now) ? near(claim, policy, evidence) : undefined;
};

function inDoubt(
  { incomplete, unreadable }: LifecycleReading,
  refuse: LifecycleRequirement['refuse'],
  policy: CompiledPolicy,
): Finding | undefined {
  if (incomplete) return unknownFinding(policy, incomplete);
  const where = unreadable.find(({ says }) => counts(says, refuse))?.where;
  if (where === undefined) return undefined;
  const detail = `no date can be read in ${where}; write 2026-12-31 or 2026-12-31T00:00:00Z`;
  return unknownFinding(policy, {
    state: 'unknown',
    reason: { code: 'UnreadableDate', detail },
    transient: false,
  });
}

function past(claim: LifecycleClaim, policy: CompiledPolicy, evidence: Evidence): Finding {
  const words = WORDS[claim.says];
  return {
    kind: 'refused',
    reason: words.past,
    found: `${words.ended} ${formatDay(claim.moment)}, says ${claim.where}`,
    next: newest(evidence),
    policy: policy.name,
    transient: false,
  };
}

function near(claim: LifecycleClaim, policy: CompiledPolicy, evidence: Evidence): Finding {
  return {
    kind: 'notice',
    reason: 'EndOfLifeNear',
    found: `${WORDS[claim.says].ends} ${formatDay(claim.moment)}, says ${claim.where}`,
    next: newest(evidence),
    policy: policy.name,
    transient: false,
  };
}

function missing(policy: CompiledPolicy): Finding {
  return {
    kind: 'refused',
    reason: 'LifecycleMissing',
    found: 'no lifecycle date on the image or its referrers',
    next: 'annotate it with org.opencontainers.image.support.end-of-life',
    policy: policy.name,
    transient: false,
  };
}

function isNear(claim: LifecycleClaim, { warnBeforeMs }: LifecycleRequirement, now: Date): boolean {
  return warnBeforeMs > 0 && now.getTime() >= claim.moment.getTime() - warnBeforeMs;
}

function newest({ successor }: Evidence): string {
  return successor.state === 'found'
    ? `newest in this line: ${successor.value.tag}`
    : 'move to a supported image of this line';
}
