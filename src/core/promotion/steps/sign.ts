import { pin } from '../../model/index.ts';
import type { GateResult } from '../gates/gate.ts';
import { releaseStatement, type PassedGate, type ReleasedFinding } from '../records/release.ts';
import type { PromoteSpec, SignSpec } from '../schema.ts';
import type { Step } from './step.ts';
import type { ImageTask, Learned, StepParts } from './task.ts';
import { rootOf } from './place.ts';
import { writeSignature, writeStatement } from './write.ts';

/** What {@link signStep} works with. */
export interface SignParts extends Pick<StepParts, 'target' | 'signer' | 'run' | 'startedAt'> {
  readonly sign: SignSpec;
  readonly promote: PromoteSpec;
}

/** Signs the digest at the target, and the statement why it is there: that lifts its quarantine wherever the signer may. */
export function signStep(parts: SignParts): Step<ImageTask, Learned> {
  const { target, signer, sign, startedAt: at } = parts;
  return {
    name: 'sign',
    run: async (task, learned, signal) => {
      if (!signer) throw new Error('there is no signer');
      const place = { target, to: task.to, about: rootOf(learned) };
      const { format, annotations } = sign;
      const statement = releaseOf(task, learned, parts);
      const refused =
        (await writeSignature(place, { signer, format, at, annotations }, signal)) ??
        (await writeStatement(place, { signer, format, at, statement }, signal));
      return refused ? { status: 'failed', reason: refused } : { status: 'succeeded' };
    },
  };
}

function releaseOf(task: ImageTask, learned: Learned, { run, startedAt, promote }: SignParts) {
  const { gates, asked, approval, report } = learned;
  const excepted = gates.flatMap((gate) => gate.excepted);
  const waived = new Set(approval ? approval.waive.map((id) => id.toLowerCase()) : []);
  const isWaived = ({ id }: ReleasedFinding): boolean => waived.has(id.toLowerCase());
  const databases = gates.flatMap(({ databaseUpdatedAt }) => (databaseUpdatedAt ? [databaseUpdatedAt] : []));
  return releaseStatement({
    source: task.image,
    target: pin(task.to, rootOf(learned).digest),
    promotedAt: startedAt,
    run,
    gates: [
      ...promote.policies.map((name): PassedGate => ({
        name: `policy ${name}`,
        result: 'Pass',
        versions: {},
      })),
      ...(asked ?? gates).map(passed),
    ],
    exceptions: excepted.filter((one) => !isWaived(one)),
    waived: excepted.filter(isWaived).map(({ id }) => id),
    ...(approval && {
      approver: approval.approver,
      approvalReason: approval.reason,
      approvedUntil: approval.until,
    }),
    ...(report && { reportDigest: report.digest }),
    ...(databases[0] && { databaseUpdatedAt: databases[0] }),
  });
}

/** What a gate said by itself, before an approval was read. */
function passed({ gate, answer, scanner }: GateResult): PassedGate {
  return {
    name: gate,
    result: answer === 'Pass' ? 'Pass' : 'Block',
    versions: scanner === '' ? {} : { scanner },
  };
}
