import { CustomObjectsApi } from '@kubernetes/client-node';
import type { Outcome } from '../programs/command.ts';
import type { ClusterFixture } from '../cluster/cluster-fixture.ts';
import { until } from '../wait.ts';

interface ConditionSeen {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

/** What is read of an ImagePromotion. */
export interface PromotionSeen {
  readonly metadata: { readonly name: string };
  readonly status?: {
    readonly conditions?: readonly ConditionSeen[];
    readonly counts?: Readonly<
      Record<'candidates' | 'promoted' | 'upToDate' | 'blocked' | 'awaitingApproval' | 'failed', number>
    >;
    readonly lastHandledReconcileAt?: string;
    readonly lastJudgement?: { readonly time: string; readonly judged: number; readonly unknown: number };
  };
}

/** What is read of an ImagePromotionRun. */
export interface RunSeen {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly promotion: { readonly name: string }; readonly trigger: string };
  readonly status?: {
    readonly phase?: string;
    readonly conditions?: readonly ConditionSeen[];
    readonly claim?: { readonly holder: string; readonly epoch: number };
    readonly images?: readonly {
      readonly tag: string;
      readonly decision: string;
      readonly gateHash?: string;
      readonly approvedBy?: string;
    }[];
  };
}

/** The namespace of promotions. */
export interface Promotions {
  readonly namespace: string;
  /** Runs kubectl in the namespace; it has to succeed. */
  kubectl(...args: readonly string[]): Promise<string>;
  apply(object: object): Promise<void>;
  /** Default type: `Opaque`. */
  secret(name: string, entries: Readonly<Record<string, string>>, type?: string): Promise<void>;
  promotion(name: string): Promise<PromotionSeen>;
  runsOf(promotion: string): Promise<readonly RunSeen[]>;
  /** `kubectl wait` for a condition to be True. */
  wait(what: string, condition: string, withinMs?: number): Promise<void>;
  until(name: string, what: string, isSo: (seen: PromotionSeen) => boolean, withinMs?: number): Promise<void>;
  /** Writes a PromotionApproval about the first image of a run, as this user. */
  approve(
    user: string,
    approval: {
      readonly run: RunSeen | undefined;
      readonly digest: string;
      readonly approver: string;
      readonly reason: string;
    },
  ): Promise<Outcome>;
}

/** The namespace of {@link openPromotions}. */
export const NAMESPACE = 'platform';
const [GROUP, VERSION] = ['pratique.dev', 'v1alpha1'];
const API_VERSION = `${GROUP}/${VERSION}`;
/** Much longer than a small run. */
const WITHIN_MS = 30_000;
const LOOK_MS = 300;

/** An ImagePromotion in the namespace of {@link openPromotions}. */
export function promotion(name: string, spec: object): object {
  return {
    apiVersion: API_VERSION,
    kind: 'ImagePromotion',
    metadata: { name, namespace: NAMESPACE },
    spec,
  };
}

/** Makes the namespace, unless it is there already, in which jane may approve. */
export async function openPromotions(
  { cluster }: ClusterFixture,
  { madeBefore = false }: { readonly madeBefore?: boolean } = {},
): Promise<Promotions> {
  if (!madeBefore) await cluster.createNamespace(NAMESPACE);
  const kubectl = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await cluster.kubectl(['-n', NAMESPACE, ...args]);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  // Asked several times a second, for which a program each time is too much.
  const objects = cluster.client.makeApiClient(CustomObjectsApi);
  const kind = (plural: string) => ({ group: GROUP, version: VERSION, namespace: NAMESPACE, plural });
  const seen = async (name: string) =>
    (await objects.getNamespacedCustomObject({ ...kind('imagepromotions'), name })) as PromotionSeen;
  await kubectl('create', 'rolebinding', 'jane', '--clusterrole=pratique-approver', '--user=jane');
  return {
    namespace: NAMESPACE,
    kubectl,
    apply: (object) => cluster.apply(object),
    secret: (name, stringData, type = 'Opaque') =>
      cluster.apply({
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name, namespace: NAMESPACE },
        type,
        stringData,
      }),
    promotion: seen,
    runsOf: async (name) => {
      const runs: unknown = await objects.listNamespacedCustomObject(kind('imagepromotionruns'));
      const { items } = runs as { readonly items: readonly RunSeen[] };
      return items.filter(({ spec }) => spec.promotion.name === name);
    },
    wait: async (what, condition, withinMs = WITHIN_MS) => {
      const timeout = `--timeout=${String(withinMs)}ms`;
      await kubectl('wait', what, `--for=condition=${condition}`, timeout).catch(async (error: unknown) => {
        const said = await kubectl('get', what, '-o', 'jsonpath={.status.conditions}');
        throw new Error(`${String(error)}; it says ${said}`);
      });
    },
    until: (name, what, isSo, withinMs = WITHIN_MS) =>
      until({
        what: `${what} of ImagePromotion ${name}`,
        withinMs,
        everyMs: LOOK_MS,
        check: async () => isSo(await seen(name)),
      }),
    approve: (user, { run, digest, approver, reason }) => {
      const [image] = run?.status?.images ?? [];
      const approval = {
        apiVersion: API_VERSION,
        kind: 'PromotionApproval',
        metadata: { generateName: 'approval-', namespace: NAMESPACE },
        spec: {
          runName: run?.metadata.name,
          digest,
          gateHash: image?.gateHash,
          approver,
          decision: 'Approve',
          reason,
          until: '2099-12-31',
        },
      };
      return cluster.kubectl(['create', '--as', user, '-f', '-'], { input: JSON.stringify(approval) });
    },
  };
}
