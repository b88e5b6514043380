import type { Fields } from './pod-spec.ts';
import { KUBERNETES_WORKLOADS } from './kinds.ts';

/** A kind of the cluster, with the name of its resource and where its pod spec stands. */
export interface CanaryKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  /** Steps with dots between, e.g. `spec.template.spec`. */
  readonly podSpec: string;
}

/** Kinds whose pods end; those of all others run until they are deleted. */
const ENDING: ReadonlySet<string> = new Set(['Pod', 'Job', 'CronJob']);
/** What else these kinds demand, in their `spec`. */
const DEMANDS: Readonly<Record<string, Fields>> = {
  CronJob: { schedule: '0 0 1 1 *', suspend: true },
  StatefulSet: { serviceName: 'pratique-self-test' },
};
export const CANARY_LABELS = { 'pratique.dev/self-test': 'canary' };
/** Kinds that have no selector, or make their own. */
const SELECTS_ITSELF: ReadonlySet<string> = new Set(['Pod', 'PodTemplate', 'Job', 'CronJob']);

/** Every kind of Kubernetes that carries a pod spec, with its resource. */
export const KUBERNETES_KINDS: readonly CanaryKind[] = [...KUBERNETES_WORKLOADS].map(([key, { podSpec }]) => {
  const [group = '', kind = ''] = key.split('/');
  return { group, version: 'v1', kind, plural: `${kind.toLowerCase()}s`, podSpec: podSpec.join('.') };
});

export function endsByItself(kind: string): boolean {
  return ENDING.has(kind);
}

/** One level of the object around what is inside, with what the level demands besides. */
export function wrap(
  step: string,
  inner: Fields,
  { kind, parent }: { readonly kind: string; readonly parent: string | undefined },
): Fields {
  if (step === 'spec' && parent === undefined) return { spec: { ...DEMANDS[kind], ...inner } };
  if (step !== 'template') return { [step]: inner };
  const template = { metadata: { labels: CANARY_LABELS }, ...inner };
  if (SELECTS_ITSELF.has(kind)) return { template };
  return {
    selector: kind === 'ReplicationController' ? CANARY_LABELS : { matchLabels: CANARY_LABELS },
    template,
  };
}
