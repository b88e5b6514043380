import pLimit from 'p-limit';
import { formatReference, isManifestType, pin } from '../../model/index.ts';
import type { Descriptor, Digest, Fault, ImageRef, ManifestContent, Reason } from '../../model/index.ts';
import { isKeptTag, isRefused, orFault, together, type Start } from '../concurrency.ts';
import { blobsOf, carriedReferrers, countAttachments, isReferredTo, type Graph } from '../graph/graph.ts';
import type { BlobArrival, SourceRegistry, TargetRegistry } from '../ports.ts';
import type { AttachmentCounts } from '../result.ts';
import { lookAtTag, pushTag, type TagTask } from './tagged.ts';

/** What to copy from where to where. */
export interface CopyRequest {
  readonly graph: Graph;
  readonly source: SourceRegistry;
  readonly target: TargetRegistry;
  /** The repository at the target; a tag in it plays no part here. */
  readonly to: ImageRef;
  /** Whether the target repository is known to hold no manifest yet: then only cosign's tags are looked for there. */
  readonly targetIsNew: boolean;
  /** Whether the target has a manifest, where it was asked just before; it is not asked again. */
  readonly found?: ReadonlyMap<Digest, boolean>;
  /** Blobs and manifests on their way at the same time; {@link COPY_AT_ONCE} when not given. */
  readonly concurrency?: number;
  /** What has to be done before the first manifest is pushed; blobs are brought meanwhile. */
  readonly first?: (signal: AbortSignal) => Promise<void>;
  /** Called for every change; must not throw. */
  readonly onProgress?: (progress: CopyProgress) => void;
  /**
   * The tag is pushed right after, and brings the image with it: by its digest it is then only pushed where something that is
   * copied refers to it. Called once, when all bytes of blobs are sent and the target has yet to confirm them.
   */
  readonly beforeTag?: (signal: AbortSignal) => Promise<unknown>;
}

/** How far a copy is: figures only grow. */
export interface CopyProgress {
  /** Bytes that travelled, also those that had to be sent twice. */
  readonly bytes: number;
  readonly blobs: Readonly<Record<BlobArrival, number>>;
  /** Bytes that did not have to travel for this image, by why: all ways to arrive but being copied. */
  readonly spared: Readonly<Record<Exclude<BlobArrival, 'copied'>, number>>;
}

/** What came of a copy. */
export interface Copied extends CopyProgress {
  /** Tags of cosign's where the target has its own, which it does not let be replaced. */
  readonly keptTags: readonly string[];
  /** Artifact manifests of early OCI 1.1 that the target does not take. */
  readonly refused: readonly Digest[];
  /** Whether the image itself is left to the push of its tag. */
  readonly rootIsLeft: boolean;
}

/** Transfers at the same time for one image: enough to hide latency; the registry's own budget is shared by all images. */
const COPY_AT_ONCE = 16;

/**
 * Brings a graph to the target, all but the tag: blobs, largest first; each manifest as soon as what it needs is there, as
 * the bytes it has at the source; cosign's tags merged into what the target has. Safe to repeat, and cheap where nothing is
 * missing. The first Fault ends this image, and this image only.
 */
export function copyGraph(request: CopyRequest, signal: AbortSignal): Promise<Copied> {
  return together(signal, async (inner, start) => {
    const { graph, source, target, to, targetIsNew, concurrency = COPY_AT_ONCE } = request;
    const limited = (): Start => {
      const limit = pLimit(concurrency);
      return (task) => start(() => limit(task));
    };
    const first = request.first && start(request.first.bind(request, inner));
    const plan = await planCopy(request, limited(), inner);
    const [bring, push] = [limited(), limited()];
    const tally = createTally(request.onProgress);
    const brought = new Set(plan.blobs.map(({ digest }) => digest));
    for (const blob of graph.blobs) if (!brought.has(blob.digest)) tally.arrived('present', blob);
    const blobs = new Map<Digest, Promise<void>>();
    const given = { source, from: graph.image, to, maybeThere: !targetIsNew };
    let looking: Promise<unknown> | undefined;
    const sent = countDown(plan.blobs, () => {
      looking = request.beforeTag && start(request.beforeTag.bind(request, inner));
    });
    for (const blob of plan.blobs) {
      const onBytes = (bytes: number): void => {
        tally.moved(bytes);
        sent(blob.digest, bytes);
      };
      const transfer = bring(() => target.transferBlob({ ...given, blob, onBytes }, inner));
      blobs.set(
        blob.digest,
        transfer.then((how) => {
          tally.arrived(how, blob);
          sent(blob.digest, blob.size);
        }),
      );
    }
    const manifests = new Map<Digest, Promise<void>>();
    const keptTags: string[] = [];
    const refused: Digest[] = [];
    /** Once all that a manifest needs is there; what this copy does not bring is there already. */
    const ready = async ({ manifest }: ManifestContent): Promise<void> => {
      await first;
      const before = [...manifest.manifests, ...(manifest.subject ? [manifest.subject] : [])];
      await Promise.all([
        ...blobsOf([{ manifest }], () => true).map(({ digest }) => blobs.get(digest)),
        ...before.map(({ digest }) => manifests.get(digest)),
      ]);
    };
    const rootIsLeft = request.beforeTag !== undefined && !isReferredTo(graph);
    for (const content of plan.manifests) {
      const { digest, mediaType } = content.manifest;
      if (rootIsLeft && content === graph.root) continue;
      const refuse = (fault: Fault): void => {
        if (isManifestType(mediaType) || !isRefused(fault)) throw fault;
        refused.push(digest);
      };
      const put = () => orFault(target.pushManifest(pin(to, digest), content, inner), refuse, inner);
      const pushed = ready(content).then(() => push(put));
      manifests.set(digest, pushed);
    }
    const tags = plan.tags.map(async (looked) => {
      const task = await looked;
      if (!isBrought(task)) return;
      await ready(task.one.content);
      const kept = (fault: Fault): void => {
        if (task.state !== 'merge' || !isKeptTag(fault)) throw fault;
        keptTags.push(task.one.tag);
      };
      await push(() => orFault(pushTag(task, { target, to }, inner), kept, inner));
    });
    await Promise.all([...blobs.values(), ...manifests.values(), ...tags]);
    await Promise.all([first, looking]);
    return { ...tally.now(), keptTags, refused, rootIsLeft };
  });
}

/** Calls `then` once, when as many bytes of each blob are sent as it has; at once where there is none. */
function countDown(blobs: readonly Descriptor[], then: () => void): (blob: Digest, bytes: number) => void {
  const left = new Map(blobs.map(({ digest, size }) => [digest, size]));
  if (left.size === 0) then();
  return (blob, bytes) => {
    const rest = (left.get(blob) ?? 0) - bytes;
    if (rest > 0) left.set(blob, rest);
    else if (left.delete(blob) && left.size === 0) then();
  };
}

/** Counts what arrives and reports it. */
function createTally(report: (progress: CopyProgress) => void = () => undefined) {
  const blobs = { present: 0, mounted: 0, copied: 0, shared: 0 };
  const spared = { present: 0, mounted: 0, shared: 0 };
  let bytes = 0;
  const now = (): CopyProgress => ({ bytes, blobs: { ...blobs }, spared: { ...spared } });
  return {
    now,
    moved: (more: number): void => {
      bytes += more;
      report(now());
    },
    arrived: (how: BlobArrival, { size }: Descriptor): void => {
      blobs[how] += 1;
      if (how !== 'copied') spared[how] += size;
      report(now());
    },
  };
}

function isBrought(task: TagTask): task is Extract<TagTask, { state: 'push' | 'merge' }> {
  return task.state === 'push' || task.state === 'merge';
}

/** What has to be brought. */
async function planCopy(request: CopyRequest, ask: Start, signal: AbortSignal) {
  const { graph, target, to, targetIsNew } = request;
  // Read also where nothing is there: another run may have signed the same image since the registry reported that.
  const tags = graph.tagged.map((one) => ask(() => lookAtTag(one, { target, to }, signal)));
  if (targetIsNew) return { manifests: graph.manifests, tags, blobs: graph.blobs };
  const [missing, looked] = await Promise.all([missingAt(request, ask, signal), Promise.all(tags)]);
  const manifests = graph.manifests.filter(({ manifest }) => missing.has(manifest.digest));
  const brought = looked.filter(isBrought).map(({ one }) => one.content);
  // A registry takes a manifest without its foreign layers.
  const foreign = new Set(graph.foreign.map(({ digest }) => digest));
  const wanted = new Set(blobsOf([...manifests, ...brought], () => true).map(({ digest }) => digest));
  const blobs = graph.blobs.filter(({ digest }) => wanted.has(digest) || foreign.has(digest));
  return { manifests, tags, blobs };
}

/**
 * Which manifests of a graph a target lacks. One that is there has all that it needs, since registries take no manifest
 * before its parts; so a target that has everything costs one HEAD and a listing for whatever has referrers. A referrer
 * counts as there when it is listed: one that lies there unlisted is pushed again, and listed by that.
 */
async function missingAt(
  { graph, target, to, found }: CopyRequest,
  ask: Start,
  signal: AbortSignal,
): Promise<ReadonlySet<Digest>> {
  const missing = new Set<Digest>();
  const looked = new Set<Digest>();
  const contents = new Map(graph.manifests.map((content) => [content.manifest.digest, content]));
  const referrers = carriedReferrers(graph);

  const look = async (digest: Digest, known?: boolean): Promise<void> => {
    if (looked.has(digest)) return;
    looked.add(digest);
    const asked = known ?? found?.get(digest);
    const there = asked ?? (await ask(() => target.tagDigest(pin(to, digest), signal))) !== undefined;
    if (!there) missing.add(digest);
    const children = contents.get(digest)?.manifest.manifests ?? [];
    await Promise.all([
      ...children.map((child) => look(child.digest, there || undefined)),
      lookAbout(digest, there),
    ]);
  };

  const lookAbout = async (of: Digest, there: boolean): Promise<void> => {
    const ours = referrers.get(of);
    if (ours === undefined) return;
    const listed = there ? await ask(() => target.referrers(pin(to, of), signal)) : [];
    const theirs = new Set(listed.map(({ digest }) => digest));
    await Promise.all(ours.map((digest) => look(digest, theirs.has(digest))));
  };

  await look(graph.root.manifest.digest);
  return missing;
}

/** What the target has of a graph: all that was to be carried, or less, with the reason `CopyIncomplete` and the numbers. */
export interface Arrived {
  readonly state: 'complete' | 'short';
  readonly counts: AttachmentCounts;
  readonly reason?: Reason;
}

/** Looks at the same time; the registry's own budget is shared by all images. */
const LOOK_AT_ONCE = 16;

/**
 * Counts at the target: the image by its digest, what is listed for every manifest that has carried referrers,
 * and the signatures under cosign's tags. A tag where the target has its own, which cannot be merged, counts as left by rule.
 * `thorough` = it also asks for every child of the index and every blob: for a caller that deletes the source next. An image that
 * is left to its tag is not asked for: the tag is read when it is set.
 */
export function verifyTarget(
  request: Pick<CopyRequest, 'graph' | 'target' | 'to'> & {
    readonly thorough?: boolean;
    readonly moved?: Pick<Copied, 'keptTags' | 'refused' | 'rootIsLeft'> | undefined;
  },
  signal: AbortSignal,
): Promise<Arrived> {
  const { graph, target, to, thorough = false, moved } = request;
  const { keptTags = [], refused = [], rootIsLeft = false } = moved ?? {};
  return together(signal, async (inner, start): Promise<Arrived> => {
    const limit = pLimit(LOOK_AT_ONCE);
    const ask: Start = (task) => start(() => limit(task));
    const at = { target, to };
    const referrers = [...carriedReferrers(graph)];
    const own = rootIsLeft ? [] : [graph.root.manifest.digest];
    const parts = thorough ? partsOf(graph) : own;
    const blobs = thorough ? graph.blobs : [];
    const [kept, there, listed, tags] = await Promise.all([
      Promise.all(blobs.map(({ digest }) => ask(() => target.hasBlob(to, digest, inner)))),
      Promise.all(parts.map((digest) => ask(() => target.tagDigest(pin(to, digest), inner)))),
      Promise.all(referrers.map(([of]) => ask(() => target.referrers(pin(to, of), inner)))),
      Promise.all(graph.tagged.map((one) => ask(() => lookAtTag(one, at, inner)))),
    ]);
    const absent = [
      ...parts.filter((digest, index) => there[index] !== digest),
      ...blobs.map(({ digest }) => digest).filter((_, index) => !kept[index]),
    ];
    const seen = referrers.flatMap(([, digests], index) => {
      const theirs = new Set(listed[index]?.map(({ digest }) => digest));
      return digests.filter((digest) => theirs.has(digest) && !refused.includes(digest));
    });
    const found = countAttachments(graph);
    const isApart = ({ state, one }: TagTask) =>
      state === 'apart' || (state === 'merge' && keptTags.includes(one.tag));
    const apart = tags.filter(isApart).length + refused.length;
    const present = tags.filter(({ state }) => state === 'present').length;
    const counts = { ...found, carried: seen.length + present, leftByRule: found.leftByRule + apart };
    if (absent.length === 0 && counts.carried === found.carried - apart) return { state: 'complete', counts };
    const reason = { code: 'CopyIncomplete', detail: explain(to, counts, absent) } as const;
    return { state: 'short', counts, reason };
  });
}

/** The image and its children, without their referrers. */
function partsOf({ root, manifests }: Graph): readonly Digest[] {
  const contents = new Map(manifests.map(({ manifest }) => [manifest.digest, manifest]));
  const parts = new Set<Digest>([root.manifest.digest]);
  for (const digest of parts)
    for (const child of contents.get(digest)?.manifests ?? []) parts.add(child.digest);
  return [...parts];
}

function explain(to: ImageRef, counts: AttachmentCounts, absent: readonly Digest[]): string {
  const { found, carried, leftByRule } = counts;
  const numbers = `attachments: found ${String(found)}, carried ${String(carried)}, left by rule ${String(leftByRule)}`;
  const [first] = absent;
  const gone = first ? `; ${String(absent.length)} manifests or blobs are missing, first ${first}` : '';
  return `${formatReference(to)}: ${numbers}${gone}`;
}
