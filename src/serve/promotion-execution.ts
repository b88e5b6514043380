import { setTimeout as sleep } from 'node:timers/promises';
import { parsed, problem, type Parsed, type PinnedRef, failed } from '../core/model/index.ts';
import { asGate, type CompiledPolicy } from '../core/policy/index.ts';
import {
  createExecution,
  createHistoryBook,
  readSignedReports,
  reportPolicy,
  type Execution,
  type HistoryBook,
  type ImagePromotionSpec,
  type RunIdentity,
} from '../core/promotion/index.ts';
import { readMaterial, type ReadObject } from '../core/promotion/index.ts';
import { openSigner } from './promotion-signer.ts';
import { openSide, type OpenSide } from './promotion-sides.ts';
import { judgeWith, sidePartsOf } from './promotion-trust.ts';
import type { ExecutionContext } from './execution-context.ts';
import { scannerOf } from './scanning.ts';
import { clock } from './process-context.ts';

/** One promotion to be opened. */
export interface PromotionToOpen {
  readonly spec: ImagePromotionSpec;
  readonly namespace: string;
  readonly run: RunIdentity;
  readonly startedAt: Date;
  readonly read: ReadObject;
}

/** Opens a promotion: its sides with their logins, its signer, its scanner. Problems name the field that is to blame. */
export async function openExecution(
  promotion: PromotionToOpen,
  around: ExecutionContext,
  signal: AbortSignal,
): Promise<Parsed<Execution>> {
  const { spec, run, startedAt } = promotion;
  const material = await readMaterial(spec, promotion.read, signal);
  if (!material.ok) return material;
  const sideParts = sidePartsOf(promotion.namespace, material.value, around);
  // Before there is anything to close: this may ask an API server.
  const policies = await policiesOf(spec, around, signal);
  const [source, target, signer, reports] = [
    await openSide('source', spec.source, sideParts, signal),
    await openSide('target', spec.target, sideParts, signal),
    await openSigner(spec, material.value, {
      settings: around.settings,
      namespace: promotion.namespace,
    }),
    reportPolicy(spec, { material: material.value.material, roots: around.roots }),
  ];
  if (!source.ok || !target.ok || !signer.ok || !policies.ok || !reports.ok) {
    await Promise.all([source, target].flatMap((side) => (side.ok ? [side.value.close()] : [])));
    return failed([source, target, signer, policies, reports]);
  }
  const [from, to] = [source.value, target.value];
  const judgeBy = (rules: readonly CompiledPolicy[]) => judgeWith(rules, from, around.judging);
  return parsed(
    createExecution({
      spec,
      run,
      startedAt,
      clock,
      source: from.view,
      target: to.view,
      watched: (reported) => ({ source: from.view.watched(reported), target: to.view.watched(reported) }),
      from: from.place,
      to: to.place,
      sourceAuthenticated: from.authenticated,
      judge: judgeBy(policies.value.map(asGate)),
      ...present({
        reports: reports.value && readReports(judgeBy, reports.value),
        scanner: scannerOf(spec, from, around.judging.trivy),
        signer: signer.value,
        history: historyOf(spec, from, to),
      }),
      pause: async (ms, over) => {
        await sleep(ms, undefined, { signal: over });
      },
      report: around.report,
      close: async () => {
        await Promise.all([from.close(), to.close()]);
      },
    }),
  );
}

function historyOf({ mirror }: ImagePromotionSpec, from: OpenSide, to: OpenSide): HistoryBook | undefined {
  if (!mirror?.history) return undefined;
  return createHistoryBook({ target: to.view, to: to.place, from: from.place });
}

/** The parts that are there. */
function present<T extends object>(parts: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined)) as {
    [Key in keyof T]?: Exclude<T[Key], undefined>;
  };
}

async function policiesOf(
  { promote }: ImagePromotionSpec,
  { policies }: Pick<ExecutionContext, 'policies'>,
  signal: AbortSignal,
): Promise<Parsed<readonly CompiledPolicy[]>> {
  const names = promote?.policies ?? [];
  if (names.length === 0) return parsed([]);
  const known = new Map((await policies(names, signal)).map((policy) => [policy.name, policy]));
  const missing = names.filter((name) => !known.has(name));
  if (missing.length > 0)
    return problem('spec.promote.policies', `there is no ImagePolicy "${missing.join('", "')}"`);
  return parsed(names.flatMap((name) => known.get(name) ?? []));
}

function readReports(
  judgeBy: (policies: readonly CompiledPolicy[]) => ReturnType<typeof judgeWith>,
  policy: CompiledPolicy,
) {
  const judge = judgeBy([policy]);
  return async (image: PinnedRef, signal: AbortSignal) => {
    const { evidence } = await judge(image, signal);
    return readSignedReports(evidence?.signatures, policy, image.digest);
  };
}
