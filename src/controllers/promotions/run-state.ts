import { decisionFor, type Approval, type ImagePromotionRunStatus } from '../../core/promotion/index.ts';
import { fittingApprovals, type KnownApproval } from './approvals.ts';
import { isReady, parsePin, type Decide, type Pin } from './run/pins.ts';

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
export function goesOn({ pins = [] }: Pick<ImagePromotionRunStatus, 'pins'>, decide: Decide): boolean {
  return pins.some((text) => {
    const pin = parsePin(text);
    return pin?.gateHash !== undefined && isReady(pin, decide);
  });
}
