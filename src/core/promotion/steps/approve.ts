import { decisionFor, type Approval } from '../approval.ts';
import { gateHash, waive } from '../gates/waive.ts';
import type { PromoteSpec } from '../schema.ts';
import { blocked, type Step, type StepOutcome } from './step.ts';
import type { ImageTask, Learned, StepParts } from './task.ts';

/**
 * Decides whether the image is promoted after its gates: all passed, or an authorized person has approved exactly this digest and
 * exactly these findings. A finding that is Unknown or missing cannot be waived; a Deny holds also where the gates passed.
 */
export function approveStep(
  asked: PromoteSpec['approval'],
  parts: Pick<StepParts, 'approvals' | 'run' | 'clock'>,
): Step<ImageTask, Learned> {
  return {
    name: 'approve',
    run: ({ image: { digest } }, { gates }) => {
      const hash = gateHash({ digest, results: gates });
      const known = { gateHash: hash, asked: gates };
      const against = gates.find(({ answer }) => answer !== 'Pass');
      if (asked === 'Never' || (asked === 'OnBlock' && !against))
        return Promise.resolve(against ? stopped(against, known) : { status: 'succeeded', learned: known });
      const { approvals, run, clock } = parts;
      const now = clock();
      const blocking = gates.flatMap(({ findings }) => findings.map(({ id }) => id));
      const wanted = { runName: run.id, digest, gateHash: hash, now, blocking };
      const approval = decisionFor(approvals(), wanted);
      if (!approval) return Promise.resolve(undecided(run, against, known));
      const results = waive({ digest, results: gates }, approval, now);
      return Promise.resolve(decided(approval, { ...known, approval, gates: results }));
    },
  };
}

type Gate = Learned['gates'][number];

function undecided(
  { id, local }: StepParts['run'],
  against: Gate | undefined,
  learned: Partial<Learned>,
): StepOutcome<Learned> {
  // A person waives findings; no approval is requested where something is in the way that no approval lifts.
  if (against && against.obstacles.length > 0) return stopped(against, learned);
  const why = against ? `${against.message}; ` : '';
  const how = local ? 'put a PromotionApproval beside the promotion' : `pratique approve ${id}`;
  const detail = `${why}approve or deny it: ${how}`;
  return { status: 'waiting', reason: { code: 'ApprovalNeeded', detail }, learned };
}

function decided(
  { decision, approver, reason }: Approval,
  learned: Pick<Learned, 'gates'> & Partial<Learned>,
): StepOutcome<Learned> {
  if (decision === 'Deny')
    return { ...blocked('ApprovalDenied', `denied by ${approver}: ${reason}`), learned };
  const left = learned.gates.find(({ answer }) => answer !== 'Pass');
  return left ? stopped(left, learned) : { status: 'succeeded', learned };
}

function stopped(
  { reason = 'ScannerFailed', message }: Gate,
  learned: Partial<Learned>,
): StepOutcome<Learned> {
  return { ...blocked(reason, message), learned };
}
