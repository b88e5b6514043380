import { unknown, type Evidence, type Finding } from '../../model/index.ts';
import type { CompiledPolicy } from '../compile/compile.ts';
import type { LifecycleRequirement } from '../compile/requirements.ts';
import { counts, decidingClaim, isNear, isPast, readLifecycle } from '../lifecycle.ts';
import type { LifecycleClaim, LifecycleReading } from '../lifecycle.ts';
import { formatDay } from '../time.ts';
import { notThere, refused, unknownFinding, type Check, type Given } from './check.ts';

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
  if (claim && isPast(claim, lifecycle.gracePeriodMs, now)) return about(claim, 'past', given);
  // A later date proves nothing while an earlier one may hide in what could not be read.
  const doubt = inDoubt(reading, lifecycle.refuse, policy);
  if (doubt) return doubt;
  if (!claim) return lifecycle.required ? missing(policy) : undefined;
  return lifecycle.warnBeforeMs > 0 && isNear(claim, lifecycle, now)
    ? about(claim, 'near', given)
    : undefined;
};

function about({ says, moment, where }: LifecycleClaim, when: 'past' | 'near', given: Given): Finding {
  const { policy, evidence } = given;
  const words = WORDS[says];
  const day = `${formatDay(moment)}, says ${where}`;
  if (when === 'past') return refused(policy, words.past, `${words.ended} ${day}`, newest(evidence));
  const near = refused(policy, 'EndOfLifeNear', `${words.ends} ${day}`, newest(evidence));
  return { ...near, kind: 'notice' };
}

function inDoubt(
  { incomplete, unreadable }: LifecycleReading,
  refuse: LifecycleRequirement['refuse'],
  policy: CompiledPolicy,
): Finding | undefined {
  if (incomplete) return unknownFinding(policy, incomplete);
  const where = unreadable.find(({ says }) => counts(says, refuse))?.where;
  if (where === undefined) return undefined;
  const detail = `no date can be read in ${where}; write 2026-12-31 or 2026-12-31T00:00:00Z`;
  return unknownFinding(policy, unknown('UnreadableDate', detail));
}

function missing(policy: CompiledPolicy): Finding {
  const next = 'annotate it with org.opencontainers.image.support.end-of-life';
  return refused(policy, 'LifecycleMissing', 'no lifecycle date on the image or its referrers', next);
}

function newest({ successor }: Evidence): string {
  if (successor.state !== 'found') return 'move to a supported image of this line';
  return `newest in this line: ${successor.value.tag}`;
}
