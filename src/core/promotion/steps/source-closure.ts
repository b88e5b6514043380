import pLimit from 'p-limit';
import { fallbackTag, isIndexType, pin } from '../../model/index.ts';
import type { Digest, ImageRef, Manifest, PinnedRef } from '../../model/index.ts';
import type { TargetRegistry } from '../ports.ts';
import { COSIGN_KINDS, cosignTag, namesNoImage } from '../selection/reserved-tags.ts';
import type { ImageTask, StepParts } from './step.ts';

/** Tags whose digests are looked up at the same time, before a digest goes. */
const AT_ONCE = 8;
/** Manifests of one closure that are deleted; more is no image with its signatures any more. */
export const MAX_CLOSURE = 1_000;

/** A manifest of an image with all that is about it, also what signs a referrer. */
export interface SourceNode {
  readonly digest: Digest;
  /** Each before what is about it. */
  readonly about: readonly About[];
}

/** Something about a manifest: a referrer, what cosign keeps under a tag, or the listing that stands in for the referrers API. */
export interface About {
  readonly kind: 'referrer' | 'tagged' | 'listing';
  readonly digest: Digest;
  /** As listed; empty where the listing leaves it open, and for what has a tag. */
  readonly artifactType: string;
  readonly tag?: string;
  /** The referrers that it is about, and which are about the manifest. */
  readonly through: readonly Digest[];
}

/**
 * The image and its children at any depth, the image first. The index of an image that the source has lost is read at the target.
 * `undefined` when it is more than {@link MAX_CLOSURE} manifests.
 */
export async function closureOf(
  task: Pick<ImageTask, 'image' | 'to'>,
  registries: Pick<StepParts, 'source' | 'target'>,
  signal: AbortSignal,
): Promise<readonly SourceNode[] | undefined> {
  const manifests = await manifestsOf(task, registries, signal);
  const seen = new Set(manifests);
  const nodes: SourceNode[] = [];
  for (const digest of manifests) {
    if (seen.size > MAX_CLOSURE) return undefined;
    nodes.push(await nodeOf(pin(task.image, digest), registries.source, seen, signal));
  }
  return seen.size > MAX_CLOSURE ? undefined : nodes;
}

/** The digests of an image and its children at any depth. */
async function manifestsOf(
  { image, to }: Pick<ImageTask, 'image' | 'to'>,
  { source, target }: Pick<StepParts, 'source' | 'target'>,
  signal: AbortSignal,
): Promise<readonly Digest[]> {
  const found = new Set<Digest>([image.digest]);
  const open: Digest[] = [image.digest];
  for (const digest of open) {
    const manifest =
      (await source.manifest(pin(image, digest), signal)) ?? (await target.manifest(pin(to, digest), signal));
    const children = (manifest?.manifests ?? []).filter((child) => !found.has(child.digest));
    for (const child of children) found.add(child.digest);
    open.push(...children.filter(({ mediaType }) => isIndexType(mediaType)).map((child) => child.digest));
    if (found.size > MAX_CLOSURE) break;
  }
  return [...found];
}

/** A manifest with what is about it; what was `seen` before is left out. */
async function nodeOf(
  image: PinnedRef,
  source: TargetRegistry,
  seen: Set<Digest>,
  signal: AbortSignal,
): Promise<SourceNode> {
  const { registry, repository } = image;
  const about: About[] = [];
  const visit = async (digest: Digest, through: readonly Digest[]): Promise<void> => {
    const tags = COSIGN_KINDS.map((kind) => cosignTag(image, digest, kind).tag);
    for (const tag of [...tags, fallbackTag(digest)]) {
      const found = await source.tagDigest({ registry, repository, tag }, signal);
      const kind = tags.includes(tag) ? 'tagged' : 'listing';
      if (found !== undefined && !seen.has(found))
        about.push({ kind, digest: found, artifactType: '', tag, through });
    }
    for (const { digest: referrer, artifactType = '' } of await source.referrers(
      pin(image, digest),
      signal,
    )) {
      if (seen.has(referrer) || seen.size > MAX_CLOSURE) continue;
      seen.add(referrer);
      about.push({ kind: 'referrer', digest: referrer, artifactType, through });
      await visit(referrer, [...through, referrer]);
    }
  };
  await visit(image.digest, []);
  return { digest: image.digest, about };
}

/** `isThere` = the image is there under its own tag; `besides` = tags that go with it, and hold nothing back. */
interface Holding {
  readonly source: TargetRegistry;
  readonly isThere: boolean;
  readonly besides: ReadonlySet<string>;
}

/**
 * The other tags of the source by the digests that they hold: their image, and all of their index at any depth. `undefined` when
 * they cannot be learned: a list that lacks a tag which is there may lack others.
 */
export async function otherHolders(
  { registry, repository, tag: own = '' }: PinnedRef,
  { source, isThere, besides }: Holding,
  signal: AbortSignal,
): Promise<ReadonlyMap<Digest, readonly string[]> | undefined> {
  const place = { registry, repository };
  const tags = await source.tags(place, signal);
  if (!tags || (isThere && !tags.includes(own))) return undefined;
  const holders = new Map<Digest, string[]>();
  const limit = pLimit(AT_ONCE);
  const others = tags.filter((tag) => tag !== own && !besides.has(tag) && !namesNoImage(tag));
  const held = await Promise.all(others.map((tag) => limit(() => heldBy({ ...place, tag }, source, signal))));
  others.forEach((tag, index) => {
    for (const digest of held[index] ?? []) holders.set(digest, [...(holders.get(digest) ?? []), tag]);
  });
  return holders;
}

/** Every manifest that a tag holds. */
async function heldBy(
  ref: ImageRef,
  source: TargetRegistry,
  signal: AbortSignal,
): Promise<ReadonlySet<Digest>> {
  const held = new Set<Digest>();
  const enter = async (manifest: Manifest | undefined): Promise<void> => {
    if (!manifest || held.size > MAX_CLOSURE) return;
    held.add(manifest.digest);
    for (const { digest, mediaType } of manifest.manifests) {
      if (held.has(digest)) continue;
      held.add(digest);
      if (isIndexType(mediaType)) await enter(await source.manifest(pin(ref, digest), signal));
    }
  };
  await enter(await source.manifest(ref, signal));
  return held;
}
