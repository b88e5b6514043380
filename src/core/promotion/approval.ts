import type { Digest } from '../model/index.ts';

/** A person's decision about one image of one run. */
export interface Approval {
  readonly runName: string;
  readonly digest: Digest;
  /** What the gates had found, by the hash that the run told. */
  readonly gateHash: string;
  readonly approver: string;
  readonly decision: 'Approve' | 'Deny';
  /** Ids that the approver accepts, and no others. */
  readonly waive: readonly string[];
  readonly reason: string;
  /** The last moment at which it holds. */
  readonly until: Date;
}

/** What was decided about an image: a no outweighs every yes; what has expired or speaks of something else does not count. */
export function decisionFor(
  approvals: readonly Approval[],
  asked: { readonly runName: string; readonly digest: Digest; readonly gateHash: string; readonly now: Date },
): Approval | undefined {
  const fitting = approvals.filter(
    ({ runName, digest, gateHash, until }) =>
      runName === asked.runName &&
      digest === asked.digest &&
      gateHash === asked.gateHash &&
      asked.now.getTime() <= until.getTime(),
  );
  return fitting.find(({ decision }) => decision === 'Deny') ?? fitting[0];
}
