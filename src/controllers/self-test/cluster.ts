import { isObject, textOf } from '../../core/model/index.ts';
import type { CanaryKind, RunningPod } from '../../core/workload/index.ts';

/** Reads one page of a collection, as the API server has it. */
export type ListPage = (
  collection: {
    readonly resource: { readonly group: string; readonly version: string; readonly plural: string };
    readonly namespace?: string;
  },
  page: { readonly limit: number },
  signal: AbortSignal,
) => Promise<{ readonly items: readonly unknown[] }>;

/** Pods examined to find one for the canary. */
const LOOK_AT_PODS = 100;
/** More custom resources than any cluster has. */
const MAX_DEFINITIONS = 5_000;
/** The kubelet's own pods take no ephemeral container. */
const MIRROR = 'kubernetes.io/config.mirror';

/**
 * Finds a pod for the canary among ephemeral containers: in the given namespace, else in any that `covers` names. Needs
 * the right to list pods; a caller that gives `covers` must also have the right to patch ephemeral containers there.
 */
export function podFinder({
  list,
  covers,
}: {
  readonly list: ListPage;
  /** Whether another namespace will do; absent = none, as the rights of the chart end at the one of the self-test. */
  readonly covers?: (namespace: string) => boolean;
}): (namespace: string, signal: AbortSignal) => Promise<RunningPod | undefined> {
  const resource = { group: '', version: 'v1', plural: 'pods' };
  const page = { limit: LOOK_AT_PODS };
  return async (namespace, signal) => {
    const near = await list({ resource, namespace }, page, signal);
    const found = near.items.flatMap((item) => podOf(item) ?? [])[0];
    if (found || !covers) return found;
    const { items } = await list({ resource }, page, signal);
    return items.flatMap((item) => podOf(item) ?? []).find((pod) => covers(pod.namespace));
  };
}

/** Finds the resources of the custom kinds that the settings name; kinds that the cluster does not have are left out. */
export function customKindFinder({
  list,
  kinds,
}: {
  readonly list: ListPage;
  readonly kinds: readonly { readonly apiGroup: string; readonly kind: string; readonly podSpec: string }[];
}): (signal: AbortSignal) => Promise<readonly CanaryKind[]> {
  const resource = { group: 'apiextensions.k8s.io', version: 'v1', plural: 'customresourcedefinitions' };
  return async (signal) => {
    if (kinds.length === 0) return [];
    const { items } = await list({ resource }, { limit: MAX_DEFINITIONS }, signal);
    return kinds.flatMap(({ apiGroup, kind, podSpec }) => {
      const found = items.flatMap((item) => definitionOf(item) ?? []);
      const one = found.find((definition) => definition.group === apiGroup && definition.kind === kind);
      return one ? [{ ...one, podSpec }] : [];
    });
  };
}

function podOf(item: unknown): RunningPod | undefined {
  if (!isObject(item) || !isObject(item.metadata) || !isObject(item.spec)) return undefined;
  if (!takesContainers(item.metadata) || hasEnded(item.status)) return undefined;
  const { ephemeralContainers } = item.spec;
  return {
    namespace: textOf(item.metadata.namespace),
    name: textOf(item.metadata.name),
    ephemeralContainers: Array.isArray(ephemeralContainers) ? ephemeralContainers : [],
  };
}

function takesContainers({ deletionTimestamp, annotations }: Readonly<Record<string, unknown>>): boolean {
  return deletionTimestamp === undefined && !(isObject(annotations) && MIRROR in annotations);
}

function hasEnded(status: unknown): boolean {
  return isObject(status) && (status.phase === 'Succeeded' || status.phase === 'Failed');
}

function definitionOf(item: unknown): Omit<CanaryKind, 'podSpec'> | undefined {
  if (!isObject(item) || !isObject(item.spec) || !isObject(item.spec.names)) return undefined;
  const { group, names, versions } = item.spec;
  const served = (Array.isArray(versions) ? versions : [])
    .filter(isObject)
    .find(({ storage }) => storage === true);
  return {
    group: textOf(group),
    kind: textOf(names.kind),
    plural: textOf(names.plural),
    version: textOf(served?.name),
  };
}
