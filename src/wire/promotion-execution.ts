import { setTimeout as sleep } from 'node:timers/promises';
import type { RegistryOptions } from '../adapters/registry/index.ts';
import { formatReference, parsed, problem, type Parsed, type PinnedRef } from '../core/model/index.ts';
import { asGate, type CompiledPolicy, type TrustRoots } from '../core/policy/index.ts';
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
import type { Settings } from '../core/settings/index.ts';
import { failed, type OpenJudging } from './judging.ts';
import { readMaterial, type PromotionMaterial, type ReadObject } from './promotion-material.ts';
import { openSigner } from './promotion-signer.ts';
import { openSide, type OpenSide, type SideParts } from './promotion-sides.ts';
import { scannerOf } from './scanning.ts';
import { clock, type Surroundings } from './surroundings.ts';

/** What promotions are opened with; the same for all of them. */
export interface ExecutionSurroundings {
  readonly settings: Settings;
  readonly surroundings: Surroundings;
  readonly judging: OpenJudging;
  /** How a registry client of its own is made. */
  readonly registryOptions: Omit<RegistryOptions, 'keychain'>;
  /** Policies as they are in force now, these among them if they are there. Throws a `Fault` when that cannot be told. */
  readonly policies: (names: readonly string[], signal: AbortSignal) => Promise<readonly CompiledPolicy[]>;
  readonly roots: TrustRoots;
  readonly accountSecrets?: (namespace: string) => NonNullable<SideParts['accountSecrets']>;
  readonly report: (error: unknown) => void;
}

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
  around: ExecutionSurroundings,
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
    reportsOf(spec, { ...around, material: material.value }),
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
      watched: (told) => ({ source: from.view.watched(told), target: to.view.watched(told) }),
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

function sidePartsOf(
  namespace: string,
  material: PromotionMaterial,
  { judging, registryOptions: options, accountSecrets: secretsIn }: ExecutionSurroundings,
): SideParts {
  const accountSecrets = secretsIn?.(namespace);
  const { registry, keychain: own } = judging;
  return { registry, own, options, material, ...(accountSecrets && { accountSecrets }) };
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
  { policies }: Pick<ExecutionSurroundings, 'policies'>,
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

/** The policy by whose authorities signed reports are read; `undefined` where none are asked for. */
function reportsOf(
  { promote }: ImagePromotionSpec,
  { roots, material }: { readonly roots: TrustRoots; readonly material: PromotionMaterial },
): Parsed<CompiledPolicy | undefined> {
  const scan = promote?.scan;
  if (scan?.from !== 'Report') return parsed(undefined);
  return reportPolicy(scan, { material: material.material, roots });
}

function judgeWith(policies: readonly CompiledPolicy[], { view, scope }: OpenSide, { judge }: OpenJudging) {
  return async (image: PinnedRef, signal: AbortSignal) => {
    const now = clock();
    const name = formatReference(image);
    const [judged] = await judge({
      images: [{ container: image.tag ?? '', field: '', image: name }],
      policies,
      labels: { state: 'found', value: {}, seenAt: now },
      signal,
      access: () => Promise.resolve({ state: 'found', value: { scope, registry: view }, seenAt: now }),
    });
    if (!judged) throw new Error('an image was asked about and there is no answer');
    return judged;
  };
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
