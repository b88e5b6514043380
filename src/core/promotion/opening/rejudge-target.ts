import { failed, parsed, parseReference, type Parsed } from '../../model/index.ts';
import { ownPolicy, reportPolicy } from '../gates/signed-reports.ts';
import { judgeTarget, type ImageAtTarget, type TargetJudgement } from '../judge-target.ts';
import { hasReporter, standingRule } from '../reassessment.ts';
import type { OpeningContext } from './context.ts';
import type { PromotionToOpen } from './open-execution.ts';
import { readMaterial } from './secrets.ts';
import { judgeOn, openSide } from './side.ts';
import { openSigner } from './signer.ts';

/** What is judged again. */
export type PromotionToRejudge = Pick<PromotionToOpen, 'spec' | 'namespace' | 'read'> & {
  readonly known: readonly ImageAtTarget[];
};

/**
 * Judges what a promotion has promoted, as it lies at its target, by reports of its own signer and of `scan.authorities`;
 * `undefined` = no report would count. Problems name the field.
 */
export async function rejudgeTarget(
  { spec, namespace, known, read }: PromotionToRejudge,
  context: OpeningContext,
  signal: AbortSignal,
): Promise<Parsed<TargetJudgement | undefined>> {
  if (!hasReporter(spec)) return parsed(undefined);
  const secrets = await readMaterial(spec, read, signal);
  if (!secrets.ok) return secrets;
  const given = { material: secrets.value.material, roots: context.roots };
  const owner = { namespace, secrets: secrets.value };
  const signer = await openSigner(spec, owner, context);
  const [source, target, reports, own] = [
    parseReference(spec.source.repository),
    await openSide('target', { side: spec.target, owner }, context, signal),
    reportPolicy(spec, given),
    signer.ok ? ownPolicy(signer.value, given) : signer,
  ];
  if (!target.ok) return failed([source, target, reports, own]);
  try {
    if (!source.ok || !reports.ok || !own.ok) return failed([source, reports, own]);
    const places = { source: source.value, target: target.value.place };
    const rule = standingRule(spec, places, { reports: reports.value, own: own.value });
    if (!rule) return parsed(undefined);
    const policies = [reports.value, own.value].filter((one) => one !== undefined);
    const judge = judgeOn(target.value, policies, context);
    const look = { rule, target: target.value.registry, judge, pace: paceOf(context), clock: context.clock };
    return parsed(await judgeTarget(look, known, signal));
  } finally {
    await target.value.close();
  }
}

/** One after another, so many in a second. */
function paceOf({ rejudgePerSecond, now, pause }: OpeningContext): (signal: AbortSignal) => Promise<void> {
  let next = now();
  return async (signal) => {
    const moment = now();
    const waitMs = next - moment;
    next = Math.max(moment, next) + 1_000 / rejudgePerSecond;
    if (waitMs > 0) await pause(waitMs, signal);
  };
}
