import { LRUCache } from 'lru-cache';
import { digestOf, objectOf, textOf } from '../../core/model/index.ts';
import { extractImages, type ImageRole, type ImageUse } from '../../core/workload/index.ts';

/** One image of a pod: as the spec names it, and as the node says that it runs. */
export interface RunningContainer {
  readonly container: string;
  readonly role: ImageRole;
  readonly image: string;
  /** `imageID` of the container's status; empty while the node has not said. */
  readonly imageID: string;
}

/** What a pod runs and how it pulls: shared by all pods that are alike, as replicas are. */
export interface PodRuns {
  readonly serviceAccount: string;
  readonly pullSecrets: readonly string[];
  readonly containers: readonly RunningContainer[];
  /** Why the spec could not be read; then it counts as an image about which nothing is known. */
  readonly unreadable?: string;
}

/** The little of a pod that an audit needs. */
export interface RunningPod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly runs: PodRuns;
}

/** What is read of a pod of the API server. */
export interface PodObject {
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly uid?: string };
  readonly [field: string]: unknown;
}

/** Kinds of pods that are remembered for sharing: one that falls out costs memory, nothing else. */
const MAX_SHARED = 20_000;
/** Phases in which no container runs, nor will. */
const FINISHED: ReadonlySet<unknown> = new Set(['Succeeded', 'Failed']);
const STATUS_LISTS = ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'] as const;

/**
 * Makes the function that turns a pod into what a cache keeps of it; `undefined` for one that has finished. Pods that are
 * alike share one value, so that thousands of replicas take little more than their names.
 */
export function podSelector(): (pod: PodObject) => RunningPod | undefined {
  const alike = new LRUCache<string, PodRuns>({ max: MAX_SHARED });
  const namespaces = new LRUCache<string, string>({ max: MAX_SHARED });
  return (pod) => {
    const status = objectOf(pod.status);
    if (FINISHED.has(status.phase)) return undefined;
    const runs = runsOf(pod, status);
    const key = digestOf(JSON.stringify(runs));
    const shared = alike.get(key) ?? runs;
    if (shared === runs) alike.set(key, runs);
    const { name, namespace = '', uid = '' } = pod.metadata;
    const home = namespaces.get(namespace) ?? namespace;
    namespaces.set(home, home);
    return { namespace: home, name, uid, runs: shared };
  };
}

function runsOf(pod: PodObject, status: Fields): PodRuns {
  const spec = objectOf(pod.spec);
  const uses = extractImages(pod, { group: '', kind: 'Pod' });
  const ids = new Map(
    STATUS_LISTS.flatMap((list) =>
      listOf(status[list]).map((one) => [textOf(one.name), textOf(one.imageID)] as const),
    ),
  );
  const base = {
    serviceAccount: textOf(spec.serviceAccountName),
    pullSecrets: [...new Set(listOf(spec.imagePullSecrets).map(({ name }) => textOf(name)))]
      .filter((name) => name !== '')
      .toSorted(),
  };
  if (uses.ok) return { ...base, containers: uses.value.map((use) => running(use, ids)) };
  const unreadable = uses.problems.map(({ path, message }) => `${path} ${message}`).join('; ');
  return { ...base, containers: [], unreadable };
}

/** Names are unique among all containers of a pod; a volume may be called like one of them and has no status. */
function running({ container, role, image }: ImageUse, ids: ReadonlyMap<string, string>): RunningContainer {
  return { container, role, image, imageID: role === 'volume' ? '' : (ids.get(container) ?? '') };
}

type Fields = Readonly<Record<string, unknown>>;

function listOf(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.map(objectOf) : [];
}
