import { LRUCache } from 'lru-cache';
import type { KubeObject } from '../../clients/kubernetes/index.ts';
import {
  describeProblems,
  digestOf,
  listOf,
  objectOf,
  textOf,
  isPinned,
  nameOf,
  parseDigest,
  parseReference,
  pin,
  type ImageRef,
  type PinnedRef,
  type Reason,
} from '../../core/model/index.ts';
import { extractImages, type ImageRole, type ImageUse } from '../../core/workload/index.ts';

/** One image of a pod: as the spec names it, and as the node says that it runs. */
interface RunningContainer {
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

/** A pod, as events and reports name it. */
export function podReference({ namespace, name, uid }: RunningPod) {
  return { apiVersion: 'v1', kind: 'Pod', namespace, name, uid };
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
export function podSelector(): (pod: KubeObject) => RunningPod | undefined {
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

function runsOf(pod: KubeObject, status: Fields): PodRuns {
  const spec = objectOf(pod.spec);
  const uses = extractImages(pod, { group: '', kind: 'Pod' });
  const ids = new Map(
    STATUS_LISTS.flatMap((list) =>
      objectsIn(status[list]).map((one) => [textOf(one.name), textOf(one.imageID)] as const),
    ),
  );
  const names = objectsIn(spec.imagePullSecrets).map(({ name }) => textOf(name));
  const base = {
    serviceAccount: textOf(spec.serviceAccountName),
    pullSecrets: [...new Set(names)].filter((name) => name !== '').toSorted(),
  };
  if (!uses.ok) return { ...base, containers: [], unreadable: describeProblems(uses.problems) };
  // Names are unique among all containers of a pod; a volume may be called like one of them and has no status.
  const running = ({ container, role, image }: ImageUse): RunningContainer => {
    return { container, role, image, imageID: role === 'volume' ? '' : (ids.get(container) ?? '') };
  };
  return { ...base, containers: uses.value.map(running) };
}

type Fields = Readonly<Record<string, unknown>>;

function objectsIn(value: unknown): readonly Fields[] {
  return listOf(value).map(objectOf);
}

/** What is known of the image that a container runs. */
export type RunningImage =
  /** It runs exactly this digest. `use` is the reference as the spec names it. */
  | {
      readonly state: 'known';
      readonly use: ImageRef;
      readonly image: PinnedRef;
      /** The name under which the node pulled it, where that is another one: a mirror, or equal content. */
      readonly pulledAs?: string;
    }
  /** The node has not said yet; it will. */
  | { readonly state: 'waiting' }
  /** It runs, but the digest is unknown. */
  | { readonly state: 'unclear'; readonly use: ImageRef; readonly reason: Reason }
  /** The spec's reference cannot be read. */
  | { readonly state: 'unreadable'; readonly text: string };

/** `docker-pullable://repo@sha256:…` and `docker://sha256:…` were written by dockershim. */
const SCHEME = /^[a-z][a-z0-9+.-]*:\/\//;

/**
 * Which image a container runs. A digest in the spec is what the node runs. Otherwise the name comes from the spec, because
 * policies use that name, and the digest comes from the node. For a mirror the name in the spec counts, too: the node checked
 * that the bytes match the digest, and signatures and dates are stored under that name. A tag is not resolved now: what it
 * points to today need not be what runs.
 */
export function runningImage(of: Pick<RunningContainer, 'image' | 'imageID' | 'role'>): RunningImage {
  const { image, imageID, role } = of;
  const use = parseReference(image);
  if (!use.ok) return { state: 'unreadable', text: image };
  if (isPinned(use.value)) return { state: 'known', use: use.value, image: use.value };
  if (role === 'volume') return unclear(use.value, 'no node reports the digest of an image volume');
  if (imageID === '') return { state: 'waiting' };
  const id = imageID.replace(SCHEME, '');
  const at = id.lastIndexOf('@');
  const digest = at < 0 ? undefined : parseDigest(id.slice(at + 1));
  if (digest !== undefined) return known(use.value, pin(use.value, digest), id.slice(0, at));
  const why =
    parseDigest(id) === undefined
      ? 'the node reports an image ID that holds no digest'
      : 'the node reports the digest of the configuration only, as for an image that was loaded and not pulled';
  return unclear(use.value, why);
}

function known(use: ImageRef, image: PinnedRef, from: string): RunningImage {
  const pulled = parseReference(from);
  const pulledAs = pulled.ok ? nameOf(pulled.value) : from;
  return { state: 'known', use, image, ...(pulledAs !== nameOf(use) && { pulledAs }) };
}

function unclear(use: ImageRef, why: string): RunningImage {
  const detail = `which digest runs is not known: ${why}; name the image by digest`;
  return { state: 'unclear', use, reason: { code: 'UnreadableEvidence', detail } };
}
