import type { Evidence } from '../../core/model/index.ts';
import { decidingClaim, readLifecycle, type CompiledPolicy } from '../../core/policy/index.ts';

/**
 * The next moment at which time alone changes what these policies say of this image: the end that it claims with the grace
 * period, or the day from which that is warned of. Nothing when no such moment lies ahead.
 */
export function nextChange(
  evidence: Evidence,
  policies: readonly CompiledPolicy[],
  now: Date,
): Date | undefined {
  const moments = policies.flatMap(({ lifecycle }) => {
    const claim = lifecycle && decidingClaim(readLifecycle(evidence, lifecycle).claims, lifecycle.refuse);
    if (!claim) return [];
    const end = claim.moment.getTime();
    const { gracePeriodMs, warnBeforeMs } = lifecycle;
    // It is past only after the last moment of the grace period.
    return [end + gracePeriodMs + 1, ...(warnBeforeMs > 0 ? [end - warnBeforeMs] : [])];
  });
  const ahead = moments.filter((moment) => moment > now.getTime());
  return ahead.length > 0 ? new Date(Math.min(...ahead)) : undefined;
}
