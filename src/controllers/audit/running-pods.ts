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
  type Digest,
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
  /** The runtime may report the digest of a platform in place of that of its index. */
  readonly ofPlatform?: true;
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
      objectsIn(status[list]).map((one) => {
        const ofPlatform = textOf(one.containerID).startsWith(CRI_O) && { ofPlatform: true as const };
        return [textOf(one.name), { imageID: textOf(one.imageID), ...ofPlatform }] as const;
      }),
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
    const reported = role === 'volume' ? undefined : ids.get(container);
    return { container, role, image, imageID: '', ...reported };
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
      /** Why another manifest may run than the one with this digest. */
      readonly doubt?: Reason;
    }
  /** The node has not said yet; it will. */
  | { readonly state: 'waiting' }
  /** It runs, but the digest is unknown. `id` = that of its configuration, or of its manifest. */
  | { readonly state: 'unclear'; readonly use: ImageRef; readonly reason: Reason; readonly id?: Digest }
  /** The spec's reference cannot be read. */
  | { readonly state: 'unreadable'; readonly text: string };

/** `docker-pullable://repo@sha256:…` and `docker://sha256:…` were written by dockershim. */
const SCHEME = /^[a-z][a-z0-9+.-]*:\/\//;
/** Container IDs of CRI-O, which reports digests of platforms and, since 1.29, IDs: the digest of the configuration without `sha256:`. */
const CRI_O = 'cri-o://';
const BARE_ID = /^[0-9a-f]{64}$/;

/**
 * Which image a container runs. A digest in the spec is what the node runs. Otherwise the name comes from the spec, because
 * policies use that name, and the digest comes from the node. For a mirror the name in the spec counts, too: the node checked
 * that the bytes match the digest, and signatures and dates are stored under that name. A tag is not resolved now: what it
 * points to today need not be what runs.
 */
export function runningImage(of: Omit<RunningContainer, 'container'>): RunningImage {
  const { image, imageID, role, ofPlatform = false } = of;
  const use = parseReference(image);
  if (!use.ok) return { state: 'unreadable', text: image };
  if (isPinned(use.value)) return { state: 'known', use: use.value, image: use.value };
  if (role === 'volume') return unclear(use.value, 'no node reports the digest of an image volume');
  if (imageID === '') return { state: 'waiting' };
  const id = imageID.replace(SCHEME, '');
  const at = id.lastIndexOf('@');
  const digest = at < 0 ? undefined : parseDigest(id.slice(at + 1));
  if (digest !== undefined)
    return known(pin(use.value, digest), { use: use.value, from: id.slice(0, at), ofPlatform });
  const config = parseDigest(BARE_ID.test(id) ? `sha256:${id}` : id);
  const why =
    config === undefined
      ? 'the node reports an image ID that holds no digest'
      : 'the node reports the digest of the configuration only, and the tag does not lead to it';
  return unclear(use.value, why, config);
}

function known(
  image: PinnedRef,
  { use, from, ofPlatform }: { readonly use: ImageRef; readonly from: string; readonly ofPlatform: boolean },
): RunningImage {
  const pulled = parseReference(from);
  const pulledAs = pulled.ok ? nameOf(pulled.value) : from;
  const isOther = pulledAs !== nameOf(use);
  const why = isOther
    ? `the node reports ${pulledAs}@${image.digest}, perhaps for another manifest of the same configuration`
    : `the node reports ${image.digest}, perhaps a platform of an index`;
  return {
    ...{ state: 'known', use, image },
    ...(isOther && { pulledAs }),
    ...((isOther || ofPlatform) && { doubt: unsure(`${why}; the tag leads to something else`) }),
  };
}

function unclear(use: ImageRef, why: string, id?: Digest): RunningImage {
  return { state: 'unclear', use, reason: unsure(why), ...(id !== undefined && { id }) };
}

function unsure(why: string): Reason {
  return {
    code: 'UnreadableEvidence',
    detail: `which digest runs is not known: ${why}; name the image by digest`,
  };
}
