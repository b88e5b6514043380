import type { Digest } from '../model/index.ts';

/** A person's decision about one image of one run. */
export interface Approval {
  readonly runName: string;
  /** The UID of that run; absent = `gateHash` alone ties it to the run. */
  readonly runUID?: string;
  readonly digest: Digest;
  /** What was asked, and what the gates had found, by the hash that the run reported. */
  readonly gateHash: string;
  readonly approver: string;
  readonly decision: 'Approve' | 'Deny';
  /** Ids that the approver accepts, and no others. */
  readonly waive: readonly string[];
  readonly reason: string;
  /** The last moment at which it holds. */
  readonly until: Date;
}

/** What a decision is wanted about. */
interface DecisionWanted extends Pick<Approval, 'runName' | 'runUID' | 'digest' | 'gateHash'> {
  readonly now: Date;
  /** Ids of the findings that stand against it. */
  readonly blocking?: readonly string[];
}

/**
 * The decision about an image. A denial takes precedence over every approval; an approval that has expired, or is about something
 * else, does not count. Of several approvals the one counts that leaves the fewest findings, then the one that holds longest.
 * Waivers of two people are not added up. The answer does not depend on the order of the approvals.
 */
export function decisionFor(approvals: readonly Approval[], wanted: DecisionWanted): Approval | undefined {
  const { blocking = [] } = wanted;
  const fitting = approvals.filter((one) => misfit(one, wanted) === undefined);
  const denials = fitting.filter(({ decision }) => decision === 'Deny');
  /** How many findings an approval leaves standing. */
  const left = ({ waive }: Approval): number => {
    const waived = new Set(waive.map((id) => id.trim().toLowerCase()));
    return blocking.filter((id) => !waived.has(id.trim().toLowerCase())).length;
  };
  const words = ({ approver, reason, waive }: Approval): string => JSON.stringify([approver, reason, waive]);
  return (denials.length > 0 ? denials : fitting).toSorted(
    (a, b) => left(a) - left(b) || b.until.getTime() - a.until.getTime() || (words(a) < words(b) ? -1 : 1),
  )[0];
}

/** Why an approval does not count for this image of this run, for the person who wrote it; `undefined` = it counts. */
export function misfit(
  approval: Pick<Approval, 'runName' | 'runUID' | 'digest' | 'gateHash' | 'until'>,
  { runName, runUID, digest, gateHash, now }: DecisionWanted,
): string | undefined {
  if (approval.runName !== runName) return `it is about run "${approval.runName}"`;
  if (approval.runUID !== undefined && approval.runUID !== runUID)
    return `it is about an earlier run of that name, with UID ${approval.runUID}`;
  if (approval.digest !== digest) return `it is about ${approval.digest}`;
  if (approval.gateHash !== gateHash) return 'it is about another run, target, policy, gate or finding';
  // A date that is none has passed.
  return now.getTime() <= approval.until.getTime() ? undefined : 'it has expired';
}
