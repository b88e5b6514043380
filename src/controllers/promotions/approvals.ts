import { parseDigest } from '../../core/model/index.ts';
import { parseTime } from '../../core/policy/index.ts';
import { parseApproval, type Approval } from '../../core/promotion/index.ts';
import type { ApprovalObject } from './ports.ts';

/** An approval, with the name of its object. */
export interface KnownApproval extends Approval {
  readonly uid: string;
}

/**
 * Reads the approvals among objects. An approval that cannot be read decides nothing: the API server validates approvals against
 * their schema, and an admission policy checks that the name in them is the author's.
 */
export function readApprovals(objects: readonly ApprovalObject[]): readonly KnownApproval[] {
  return objects.flatMap((object) => {
    const read = parseApproval(object);
    if (!read.ok || object.metadata.deletionTimestamp !== undefined) return [];
    const { runName, gateHash, approver, decision, waive, reason, ...spec } = read.value.spec;
    const [digest, until] = [parseDigest(spec.digest), parseTime(spec.until)];
    if (!digest || !until) return [];
    return [
      { uid: object.metadata.uid, runName, digest, gateHash, approver, decision, waive, reason, until },
    ];
  });
}

/** Approvals that a run has not considered yet: an approval that did not suffice is not tried a second time. */
export function fittingApprovals(
  approvals: readonly KnownApproval[],
  considered: readonly string[],
): readonly KnownApproval[] {
  const known = new Set(considered);
  return approvals.filter(({ uid }) => !known.has(uid));
}
