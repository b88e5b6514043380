import { pin } from '../../model/index.ts';
import { releaseStatement, type PassedGate } from '../records/release.ts';
import type { PromoteSpec, SignSpec } from '../schema.ts';
import { step, type ImageTask, type Learned, type Step, type StepParts } from './step.ts';
import { rootOf, writeSignature, writeStatement } from './write.ts';

/** Signs the digest at the target, and the statement why it is there: that lifts its quarantine wherever the signer may. */
export function signStep(parts: StepParts, promote: PromoteSpec, { format, annotations }: SignSpec): Step {
  const { target, signer, startedAt: at } = parts;
  return step('sign', async (task, learned, signal) => {
    if (!signer) throw new Error('there is no signer');
    const place = { target, to: task.to, about: rootOf(learned) };
    const signing = { signer, format, at };
    const statement = releaseOf(task, learned, parts, promote);
    const refused =
      (await writeSignature(place, signing, annotations, signal)) ??
      (await writeStatement(place, signing, statement, signal));
    return refused ? { status: 'failed', reason: refused } : { status: 'succeeded' };
  });
}

function releaseOf(
  task: ImageTask,
  learned: Learned,
  { run, startedAt }: StepParts,
  { policies }: PromoteSpec,
) {
  const { gates, asked = gates, approval, report } = learned;
  const excepted = gates.flatMap((gate) => gate.excepted);
  const waived = new Set(approval?.waive.map((id) => id.toLowerCase()));
  const isWaived = ({ id }: { readonly id: string }): boolean => waived.has(id.toLowerCase());
  return releaseStatement({
    source: task.image,
    target: pin(task.to, rootOf(learned).digest),
    promotedAt: startedAt,
    run,
    gates: [
      ...policies.map((name): PassedGate => ({ name: `policy ${name}`, result: 'Pass', versions: {} })),
      // What a gate said by itself, before an approval was read.
      ...asked.map(({ gate: name, answer, scanner }): PassedGate => ({
        name,
        result: answer === 'Pass' ? 'Pass' : 'Block',
        versions: scanner === '' ? {} : { scanner },
      })),
    ],
    exceptions: excepted.filter((one) => !isWaived(one)),
    waived: excepted.filter(isWaived).map(({ id }) => id),
    approver: approval?.approver,
    approvalReason: approval?.reason,
    approvedUntil: approval?.until,
    reportDigest: report?.digest,
    databaseUpdatedAt: gates.find(({ databaseUpdatedAt }) => databaseUpdatedAt)?.databaseUpdatedAt,
  });
}
