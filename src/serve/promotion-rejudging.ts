import { setTimeout as sleep } from 'node:timers/promises';
import { parsed, parseReference, type Parsed, failed } from '../core/model/index.ts';
import type { CompiledPolicy } from '../core/policy/index.ts';
import {
  hasReporter,
  judgeTarget,
  standingRule,
  ownPolicy,
  reportPolicy,
  type ImageAtTarget,
  type StandingRule,
  type TargetJudgement,
} from '../core/promotion/index.ts';
import type { PromotionToOpen } from './promotion-execution.ts';
import type { ExecutionContext } from './execution-context.ts';
import { readMaterial } from '../core/promotion/index.ts';
import { openSide, type OpenSide } from './promotion-sides.ts';
import { openSigner } from './promotion-signer.ts';
import { judgeWith, sidePartsOf } from './promotion-trust.ts';
import { clock } from './process-context.ts';

/** What is judged again. */
export type PromotionToRejudge = Pick<PromotionToOpen, 'spec' | 'namespace' | 'read'> & {
  readonly known: readonly ImageAtTarget[];
};

/**
 * Judges what a promotion has promoted, as it lies at its target, by reports of its own signer and of `scan.authorities`;
 * `undefined` = nobody's reports would count. Problems name the field that is to blame.
 */
export async function rejudgeTarget(
  promotion: PromotionToRejudge,
  around: ExecutionContext,
  signal: AbortSignal,
): Promise<Parsed<TargetJudgement | undefined>> {
  const { spec, namespace, known } = promotion;
  if (!hasReporter(spec)) return parsed(undefined);
  const material = await readMaterial(spec, promotion.read, signal);
  if (!material.ok) return material;
  const given = { material: material.value.material, roots: around.roots };
  const sideParts = sidePartsOf(namespace, material.value, around);
  const signer = await openSigner(spec, material.value, { settings: around.settings, namespace });
  const [source, target, reports, own] = [
    parseReference(spec.source.repository),
    await openSide('target', spec.target, sideParts, signal),
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
    const look = lookOf(target.value, { rule, policies, around });
    return parsed(await judgeTarget(look, known, signal));
  } finally {
    await target.value.close();
  }
}

function lookOf(
  target: OpenSide,
  {
    rule,
    policies,
    around: { judging, settings },
  }: {
    readonly rule: StandingRule;
    readonly policies: readonly CompiledPolicy[];
    readonly around: ExecutionContext;
  },
) {
  const judge = judgeWith(policies, target, judging);
  return { rule, target: target.view, judge, pace: paceOf(settings.promotions.rejudgePerSecond), clock };
}

/** One after another, so many in a second. */
function paceOf(perSecond: number): (signal: AbortSignal) => Promise<void> {
  let next = performance.now();
  return async (signal) => {
    const now = performance.now();
    const waitMs = next - now;
    next = Math.max(now, next) + 1_000 / perSecond;
    if (waitMs > 0) await sleep(waitMs, undefined, { signal });
  };
}
