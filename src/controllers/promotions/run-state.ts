import { parseDigest } from '../../core/model/index.ts';
import { parseTime } from '../../core/policy/index.ts';
import {
  decisionFor,
  type Approval,
  type ImagePromotionRunStatus,
  parseApproval,
} from '../../core/promotion/index.ts';
import type { ApprovalObject } from './ports.ts';
import { isReady, readPins, type Decide, type Pin } from './run/pins.ts';

const OVER: ReadonlySet<string | undefined> = new Set(['Succeeded', 'Blocked', 'Failed']);

/** Whether a run has ended. A run whose images wait for a person has ended, too, but may continue. */
export function isOver({ phase }: Pick<ImagePromotionRunStatus, 'phase'>): boolean {
  return OVER.has(phase);
}

/** The decisions about the waiting images of a run, by approvals that it has not considered yet. */
export function decideBy(
  runName: string,
  approvals: readonly KnownApproval[],
  { considered = [], now }: { readonly considered: readonly string[] | undefined; readonly now: Date },
): Decide {
  const fresh: readonly Approval[] = fittingApprovals(approvals, considered);
  return ({ planned, gateHash }) => decisionFor(fresh, { runName, digest: planned.digest, gateHash, now });
}

/** The images of a run that need work now. */
export function readyPins(pins: readonly Pin[], decide: Decide): readonly Pin[] {
  return pins.filter((pin) => isReady(pin, decide));
}

/** Whether a run that has ended continues, because a person has decided since. */
export function goesOn(status: Pick<ImagePromotionRunStatus, 'pending' | 'pins'>, decide: Decide): boolean {
  return readPins(status).some((pin) => pin.gateHash !== undefined && isReady(pin, decide));
}

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
function fittingApprovals(
  approvals: readonly KnownApproval[],
  considered: readonly string[],
): readonly KnownApproval[] {
  const known = new Set(considered);
  return approvals.filter(({ uid }) => !known.has(uid));
}
