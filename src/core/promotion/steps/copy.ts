import pLimit from 'p-limit';
import { parseReference, pin } from '../../model/index.ts';
import type {
  Descriptor,
  Digest,
  ImageRef,
  Manifest,
  ManifestContent,
  PinnedRef,
} from '../../model/index.ts';
import { orFault, together } from '../concurrency.ts';
import { copyGraph, verifyTarget } from '../copy/copy.ts';
import { gatherGraph, type GatherRequest, type Gathered } from '../graph/gather.ts';
import { blobsOf, leftLayers, type Graph } from '../graph/graph.ts';
import { short } from '../plan.ts';
import { isReservedTag } from '../selection/reserved-tags.ts';
import { alsoLeft, blocked, step } from './step.ts';
import type { ImageTask, Step, StepParts, TagSeen } from './step.ts';
import { isRecent, seeTag } from './tag.ts';

/** Gathers an image with all that belongs to it by the rules of the promotion. */
export function gatherImage(
  image: PinnedRef,
  { spec, source, sourceTags }: Pick<StepParts, 'spec' | 'source' | 'sourceTags'>,
  signal: AbortSignal,
  onOpened?: GatherRequest['onOpened'],
): Promise<Gathered> {
  const { platforms, attachments, mirror, foreignLayers } = spec;
  const kind = mirror ? 'mirror' : 'promote';
  const rules = { platforms, attachments, kind, foreignLayers } as const;
  return gatherGraph({ image, source, ...rules, listTags: sourceTags, onOpened }, signal);
}

/** Manifests of one image that the target is asked for at the same time. */
const LOOK_AT_ONCE = 16;

/**
 * Gathers an image, and asks the target for its manifests meanwhile, where it holds other images: for the image, and for the children
 * of an index that it lacks. A copy that follows does not wait for these answers.
 */
function gatherAndLook(
  { image, to, planned, targetIsNew }: ImageTask,
  parts: StepParts,
  signal: AbortSignal,
) {
  return together(signal, async (inner, start) => {
    const found = new Map<Digest, boolean>();
    const looks = new Map<Digest, Promise<void>>();
    const limit = pLimit(LOOK_AT_ONCE);
    /** Looks for a manifest, if `before` says that it is worth a request. What fails is unknown, and asked again by the copy. */
    const look = (digest: Digest, before: Promise<boolean>): void => {
      if (looks.has(digest)) return;
      const answered = async (): Promise<void> => {
        if (!(await before)) return;
        const there = await limit(() => parts.target.tagDigest(pin(to, digest), inner));
        found.set(digest, there !== undefined);
      };
      looks.set(
        digest,
        start(() => orFault(answered(), () => undefined, inner)),
      );
    };
    const onOpened = ({ manifest: { digest, manifests } }: ManifestContent): void => {
      const isLacked = looks.get(digest)?.then(() => found.get(digest) === false);
      if (isLacked) for (const child of manifests) look(child.digest, isLacked);
    };
    const isNew = targetIsNew(signal);
    look(
      planned.expected,
      isNew.then((one) => !one),
    );
    const gathering = gatherImage(image, parts, inner, onOpened);
    const [gathered, isNewThere] = await Promise.all([gathering, isNew]);
    await Promise.all(looks.values());
    return { gathered, targetIsNew: isNewThere, found };
  });
}

/** What is written about an image before the target has any of its manifests. */
export type BeforeCopy = (graph: Graph, to: ImageRef, signal: AbortSignal) => Promise<void>;

/** How an image is brought. */
interface CopyOrder {
  /** What is written before any of its manifests. */
  readonly before?: BeforeCopy | undefined;
  /** Nothing is written about the image before its tag: then the tag is read while the last blobs arrive, and brings the image. */
  readonly tagIsNext: boolean;
}

/** Gathers the image with all that belongs to it, and brings it to the target, all but the tag. */
export function copyStep(given: StepParts, { before, tagIsNext }: CopyOrder): Step {
  const parts = { ...given, ...withAttachments(given) };
  const { source, target, progress } = parts;
  return step('copy', async (task, learned, signal) => {
    const { to, planned } = task;
    const { tag } = planned;
    const { gathered, targetIsNew, found } = await gatherAndLook(task, parts, signal);
    if (gathered.state === 'refused') return blocked(gathered.reason.code, gathered.reason.detail);
    const { graph } = gathered;
    const refused = parts.spec.foreignLayers === 'Refuse' ? foreignIn(graph.foreign) : undefined;
    if (refused !== undefined) return blocked('ForeignLayers', `${refused}, and foreignLayers is Refuse`);
    const expected = graph.blobs.reduce((sum, { size }) => sum + size, 0);
    progress.onExpected(tag, expected);
    let reported = 0;
    const onProgress = ({ bytes }: { readonly bytes: number }): void => {
      progress.onBytes(tag, bytes - reported);
      reported = bytes;
    };
    const isMoved = planned.action !== 'UpToDate';
    let tagSeen: TagSeen | undefined;
    const beforeTag = async (until: AbortSignal): Promise<void> => {
      tagSeen = await seeTag(parts, to, until);
    };
    const moved = await copyGraph(
      {
        ...{ graph, source, target, to, targetIsNew, found, onProgress },
        ...(isMoved && before && { first: (until) => before(graph, to, until) }),
        ...(isMoved && tagIsNext && { beforeTag }),
      },
      signal,
    );
    const elsewhere = foreignIn(leftLayers(graph));
    const left = moved.keptTags.map((one) => `${one} stays as it is, the target does not let it be replaced`);
    if (moved.refused[0] !== undefined)
      left.push(
        `the target does not take the artifact manifest ${short(moved.refused[0])}, which stays behind`,
      );
    if (elsewhere !== undefined) left.push(`${elsewhere}, and not copied: foreignLayers: Copy brings them`);
    return { status: 'succeeded', learned: { graph, moved, tagSeen, ...alsoLeft(learned, left) } };
  });
}

/**
 * The source together with the other repository that holds attachments: what is listed in either is listed, and what is listed there is
 * read there. Cosign's tags are tried in both, one by one. What cannot be read there is as little known as what cannot be read here.
 */
export function withAttachments({
  spec,
  source,
  sourceTags,
}: Pick<StepParts, 'spec' | 'source' | 'sourceTags'>): Pick<StepParts, 'source' | 'sourceTags'> {
  const read = parseReference(spec.attachments.from ?? '');
  if (!read.ok) return { source, sourceTags };
  const there = { registry: read.value.registry, repository: read.value.repository };
  /** Digests of what lies there: what is listed, and what that holds. */
  const known = new Set<Digest>();
  const placesOf = ({
    tag = '',
    digest,
    ...here
  }: ImageRef): readonly Pick<ImageRef, 'registry' | 'repository'>[] => {
    if (digest === undefined) return isReservedTag(tag) ? [here, there] : [here];
    return known.has(digest) ? [there, here] : [here];
  };
  /** Reads in the first place that has it. */
  const first = async <T>(
    ref: ImageRef,
    read: (at: ImageRef) => Promise<T | undefined>,
    manifestOf: (found: T) => Manifest,
  ): Promise<T | undefined> => {
    for (const place of placesOf(ref)) {
      const found = await read({ ...ref, ...place });
      if (found === undefined) continue;
      const manifest = manifestOf(found);
      if (place === there)
        for (const { digest } of [...manifest.manifests, ...blobsOf([{ manifest }])]) known.add(digest);
      return found;
    }
    return undefined;
  };
  const inBoth = async (image: PinnedRef, list: (of: PinnedRef) => Promise<readonly Descriptor[]>) => {
    const [here, others] = await Promise.all([list(image), list(pin(there, image.digest))]);
    for (const { digest } of others) known.add(digest);
    return [...here, ...others];
  };
  const both: typeof source = {
    ...source,
    manifest: (ref, ...rest) =>
      first(
        ref,
        (at) => source.manifest(at, ...rest),
        (manifest) => manifest,
      ),
    content: (ref, ...rest) =>
      first(
        ref,
        (at) => source.content(at, ...rest),
        ({ manifest }) => manifest,
      ),
    referrers: (image, ...rest) => inBoth(image, (of) => source.referrers(of, ...rest)),
    fallbackReferrers: (image, ...rest) => inBoth(image, (of) => source.fallbackReferrers(of, ...rest)),
    blob: (place, blob, ...rest) =>
      source.blob(known.has(blob.digest) ? { ...place, ...there } : place, blob, ...rest),
    openBlob: (place, blob, ...rest) =>
      source.openBlob(known.has(blob.digest) ? there : place, blob, ...rest),
  };
  return { source: both, sourceTags: () => Promise.resolve(undefined) };
}

/** Names layers of an image that lie outside of its registry; `undefined` where there are none. */
function foreignIn([first, ...more]: readonly Descriptor[]): string | undefined {
  if (first === undefined) return undefined;
  const others = more.length > 0 ? ` and ${more.length} more` : '';
  return `foreign layers (${short(first.digest)}${others}) are fetched outside of its registry`;
}

/**
 * Counts again at the target what was carried there; less than was found is a failure. The tag is read at the same time, unless it
 * was just now.
 */
export function verifyTargetStep(parts: StepParts, thorough: boolean): Step {
  const { target } = parts;
  return step('verify target', async ({ to, planned }, { graph, moved, tagSeen: seen }, signal) => {
    if (!graph) throw new Error('nothing was copied that could be verified');
    const isKnown = planned.action === 'UpToDate' || (seen !== undefined && isRecent(seen, parts));
    const [{ counts, reason }, tagSeen] = await Promise.all([
      verifyTarget({ graph, target, to, thorough, moved }, signal),
      isKnown ? seen : seeTag(parts, to, signal),
    ]);
    const learned = { counts, tagSeen };
    return reason ? { status: 'failed', reason, learned } : { status: 'succeeded', learned };
  });
}
