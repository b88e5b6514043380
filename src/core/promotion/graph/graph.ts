import type { Descriptor, Digest, ManifestContent, PinnedRef } from '../../model/index.ts';
import type { AttachmentCounts } from '../result.ts';
import type { LeftBecause } from './carried.ts';

/** An artifact about a manifest of the image: a referrer, or an artifact under one of cosign's tags. */
export interface Attachment {
  /** The manifest it is about. */
  readonly of: Digest;
  /** Absent for a tag that was left without being opened. */
  readonly digest?: Digest;
  readonly artifactType: string;
  /** Set for what cosign finds by tag. */
  readonly tag?: string;
  /** Why it stays behind; absent when it is carried. */
  readonly left?: LeftBecause;
}

/** A manifest that cosign finds by its tag, and carried under it. */
export interface TaggedManifest {
  readonly of: Digest;
  readonly tag: string;
  readonly content: ManifestContent;
}

/** One image with everything that belongs to it, as it lies at its source. */
export interface Graph {
  /** What was gathered. */
  readonly image: PinnedRef;
  /** What the tag is to point to at the target: the image itself, or its index without the platforms that are not kept. */
  readonly root: ManifestContent;
  /** Platforms that were to be kept and that the image lacks. */
  readonly missingPlatforms: readonly string[];
  /** All that is pushed by digest, each after what it needs: children before indexes, subjects before referrers. */
  readonly manifests: readonly ManifestContent[];
  /** What is pushed under tags of cosign's. */
  readonly tagged: readonly TaggedManifest[];
  /** Every blob that those need, once, the largest first. */
  readonly blobs: readonly Descriptor[];
  /** Layers that call themselves foreign, or name addresses outside of the registry. */
  readonly foreign: readonly Descriptor[];
  /** Every artifact found about the image; empty when attachments were not asked for. */
  readonly attachments: readonly Attachment[];
}

/** The result for the attachments of a graph. */
export function countAttachments({ attachments }: Pick<Graph, 'attachments'>): AttachmentCounts {
  const leftByRule = attachments.filter(({ left }) => left !== undefined).length;
  return { found: attachments.length, carried: attachments.length - leftByRule, leftByRule };
}

/** Carried referrers by their subject. */
export function carriedReferrers({ attachments }: Graph): ReadonlyMap<Digest, readonly Digest[]> {
  const byDigest = new Map<Digest, Digest[]>();
  for (const { of, digest, tag, left } of attachments)
    if (tag === undefined && left === undefined && digest !== undefined)
      byDigest.set(of, [...(byDigest.get(of) ?? []), digest]);
  return byDigest;
}

/** Media types of layers that a registry need not have. */
const FOREIGN = /\.(?:foreign|nondistributable)\b/;

/** Whether a layer calls itself foreign, or names addresses outside of its registry. */
export function isForeign({ mediaType, isElsewhere }: Descriptor): boolean {
  return isElsewhere === true || FOREIGN.test(mediaType);
}

/** Whether a registry need not have a layer: container runtimes fetch it at the addresses that the manifest names. */
function isFetchedElsewhere({ mediaType, isElsewhere }: Descriptor): boolean {
  return isElsewhere === true && FOREIGN.test(mediaType);
}

/** Foreign layers that are not carried. */
export function leftLayers({ foreign, blobs }: Pick<Graph, 'foreign' | 'blobs'>): readonly Descriptor[] {
  const carried = new Set(blobs.map(({ digest }) => digest));
  return foreign.filter(({ digest }) => !carried.has(digest));
}

/** Every blob of these manifests that is carried, once, the largest first: what takes longest is begun first. */
export function blobsOf(
  contents: readonly Pick<ManifestContent, 'manifest'>[],
  isCarried = (layer: Descriptor): boolean => !isFetchedElsewhere(layer),
): readonly Descriptor[] {
  const all = contents.flatMap(({ manifest: { config, layers } }) => {
    const carried = layers.filter(isCarried);
    return config ? [config, ...carried] : carried;
  });
  return onceEach(all).sort((a, b) => b.size - a.size);
}

/** Descriptors, each digest once. */
export function onceEach(blobs: readonly Descriptor[]): Descriptor[] {
  return [...Map.groupBy(blobs, ({ digest }) => digest).values()].flatMap(([first]) => first ?? []);
}

/** Whether something that is copied names the image as its subject: it is pushed after the image. */
export function isReferredTo({ root, manifests }: Graph): boolean {
  return manifests.some(({ manifest }) => manifest.subject?.digest === root.manifest.digest);
}
