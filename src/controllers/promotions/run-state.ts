import { parseDigest } from '../../core/model/index.ts';
import { parseTime } from '../../core/policy/index.ts';
import {
  decisionFor,
  type Approval,
  type ImagePromotionRunStatus,
  parseApproval,
} from '../../core/promotion/index.ts';
import type { ApprovalObject, RunObject } from './ports.ts';
import { isReady, readPins, type Decide } from './run/pins.ts';

const OVER: ReadonlySet<string | undefined> = new Set(['Succeeded', 'Blocked', 'Failed']);

/** Whether a run has ended. A run whose images wait for a person has ended, too, but may continue. */
export function isOver({ phase }: Pick<ImagePromotionRunStatus, 'phase'>): boolean {
  return OVER.has(phase);
}

/**
 * The decisions about the waiting images of a run, by approvals that it has not considered yet: an approval that did not suffice
 * is not tried a second time.
 */
export function decideBy(
  { metadata: { name: runName }, status = {} }: RunObject,
  approvals: readonly KnownApproval[],
  now: Date,
): Decide {
  const considered = new Set(status.considered);
  const fresh = approvals.filter(({ uid }) => !considered.has(uid));
  return ({ planned, gateHash }) => decisionFor(fresh, { runName, digest: planned.digest, gateHash, now });
}

/** Whether a run that has ended continues, because a person has decided since. */
export function goesOn(run: RunObject, approvals: readonly KnownApproval[], now: Date): boolean {
  const decide = decideBy(run, approvals, now);
  return readPins(run.status ?? {}).some((pin) => pin.gateHash !== undefined && isReady(pin, decide));
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
    const { uid, deletionTimestamp } = object.metadata;
    const read = parseApproval(object);
    if (!read.ok || deletionTimestamp !== undefined) return [];
    const { spec } = read.value;
    const [digest, until] = [parseDigest(spec.digest), parseTime(spec.until)];
    return digest && until ? [{ ...spec, uid, digest, until }] : [];
  });
}
