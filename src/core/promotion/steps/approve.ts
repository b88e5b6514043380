import { decisionFor } from '../approval.ts';
import { gateHash, waive } from '../gates/gate.ts';
import type { PromoteSpec } from '../schema.ts';
import { blocked, step, type Learned, type Step, type StepOutcome, type StepParts } from './step.ts';

/**
 * Decides whether the image is promoted after its gates: all passed, or an authorized person has approved exactly this digest and
 * exactly these findings. A finding that is Unknown or missing cannot be waived; a Deny holds also where the gates passed.
 */
export function approveStep({ approvals, run, clock }: StepParts, asked: PromoteSpec['approval']): Step {
  return step('approve', async ({ image: { digest } }, { gates }) => {
    const hash = gateHash({ digest, results: gates });
    const known = { gateHash: hash, asked: gates };
    const against = gates.find(({ answer }) => answer !== 'Pass');
    if (asked === 'Never' || (asked === 'OnBlock' && !against)) return passed(gates, known);
    const now = clock();
    const blocking = gates.flatMap(({ findings }) => findings.map(({ id }) => id));
    const approval = decisionFor(approvals(), { runName: run.id, digest, gateHash: hash, now, blocking });
    if (approval) {
      const learned = { ...known, approval, gates: waive({ digest, results: gates }, approval, now) };
      if (approval.decision === 'Approve') return passed(learned.gates, learned);
      return { ...blocked('ApprovalDenied', `denied by ${approval.approver}: ${approval.reason}`), learned };
    }
    // A person waives findings; no approval is requested where something is in the way that no approval lifts.
    if (against && against.obstacles.length > 0) return passed(gates, known);
    const why = against ? `${against.message}; ` : '';
    const how = run.local ? 'put a PromotionApproval beside the promotion' : `pratique approve ${run.id}`;
    const reason = { code: 'ApprovalNeeded', detail: `${why}approve or deny it: ${how}` } as const;
    return { status: 'waiting', reason, learned: known };
  });
}

/** The image goes on, unless a gate still stands against it. */
function passed(gates: Learned['gates'], learned: Partial<Learned>): StepOutcome {
  const against = gates.find(({ answer }) => answer !== 'Pass');
  if (!against) return { status: 'succeeded', learned };
  return { ...blocked(against.reason ?? 'ScannerFailed', against.message), learned };
}
