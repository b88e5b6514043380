import * as z from 'zod';
import { artifactTypeOf, Fault, formatReference, parseCounted } from '../../model/index.ts';
import type { Descriptor, Digest, ManifestContent, Reason } from '../../model/index.ts';
import { together } from '../concurrency.ts';
import { leftBecause, type CarryRules, type LeftBecause } from './carried.ts';
import { blobsOf, isForeign, onceEach } from './graph.ts';
import type { Attachment, Graph, TaggedManifest } from './graph.ts';
import type { ImagePromotionSpec } from '../schema.ts';
import { keptRoot, type KeptPlatforms, type RootRequest } from './platforms.ts';
import { createBudget, DEFAULT_GRAPH_LIMITS, walk } from './walk.ts';
import type { GraphLimits, Seen, TaggedFound, WalkRequest } from './walk.ts';

/** What to gather. */
export interface GatherRequest extends RootRequest, CarryRules, Pick<WalkRequest, 'listTags' | 'onOpened'> {
  readonly limits?: Partial<GraphLimits>;
  /** With `Copy` layers that lie elsewhere are carried, too; default: they are not. */
  readonly foreignLayers?: ImagePromotionSpec['foreignLayers'];
}

/** A graph, or why there is none: `ImageNotFound`, `PlatformMissing`. */
export type Gathered =
  | { readonly state: 'gathered'; readonly graph: Graph }
  | { readonly state: 'refused'; readonly reason: Reason };

/**
 * Gathers an image with everything that belongs to it: children, blobs, what refers to any of its manifests, and what cosign
 * keeps under tags. What could not be learned is a Fault and never "no attachments"; more than `limits` is `LimitExceeded`.
 */
export function gatherGraph(request: GatherRequest, signal: AbortSignal): Promise<Gathered> {
  const { image, source, platforms, limits, listTags, onOpened } = request;
  const refused = (reason: Reason) => ({ state: 'refused', reason }) as const;
  const notFound = (detail: string) => refused({ code: 'ImageNotFound', detail });
  return together(signal, async (inner, start): Promise<Gathered> => {
    let kept: Partial<KeptPlatforms> = {};
    if (platforms.keep.length > 0) {
      const content = await source.content(image, inner);
      if (!content) return notFound(`${formatReference(image)} is not there`);
      const cut = await keptRoot(content, request, inner);
      if ('code' in cut) return refused(cut);
      kept = cut;
    }
    const { dropped = [], missing: missingPlatforms = [] } = kept;
    const budget = createBudget(image, { ...DEFAULT_GRAPH_LIMITS, ...limits });
    const given = { image, source, rules: request, budget, root: kept.root, listTags, onOpened };
    const seen = await walk(given, inner, start);
    const digest = kept.root?.manifest.digest ?? image.digest;
    const root = seen.contents.get(digest);
    if (root === undefined) return notFound(`${formatReference(image)} is not there`);
    const { absent, ...rest } = assemble(seen, digest, dropped, request);
    if (absent[0] !== undefined)
      return notFound(
        `an index of ${formatReference(image)} lists ${absent[0]}, which is not there: push it again, or keep the platforms that are there by platforms.keep, which leaves out statements that are gone`,
      );
    const contents = [...rest.manifests, ...rest.tagged.map(({ content }) => content)];
    const layers = layersOf(contents, request);
    return { state: 'gathered', graph: { image, root, missingPlatforms, ...layers, ...rest } };
  });
}

/** Most foreign layers of one image that are brought: real images have one or two for each version of Windows. */
const MAX_FOREIGN_LAYERS = 64;
/** Most addresses that are tried for one of them: real manifests name one. */
const MAX_URLS = 4;

/** The blobs that are carried, and the foreign layers among all. */
function layersOf(
  contents: readonly ManifestContent[],
  { image, foreignLayers }: GatherRequest,
): Pick<Graph, 'blobs' | 'foreign'> {
  const foreign = onceEach(contents.flatMap(({ manifest }) => manifest.layers).filter(isForeign));
  if (foreignLayers !== 'Copy') return { blobs: blobsOf(contents), foreign };
  if (foreign.length > MAX_FOREIGN_LAYERS)
    throw new Fault({
      code: 'LimitExceeded',
      operation: `gather ${formatReference(image)} with all that belongs to it`,
      side: 'source',
      transient: false,
      detail: `there are more than ${String(MAX_FOREIGN_LAYERS)} foreign layers`,
    });
  const urls = urlsIn(contents);
  const blobs = blobsOf(contents, () => true).map((blob) => {
    const named = urls.get(blob.digest);
    return named ? { ...blob, urls: named } : blob;
  });
  return { blobs, foreign };
}

const written = z.object({
  layers: z.array(z.object({ digest: z.string(), urls: z.array(z.string()).nullish().catch([]) })),
});

/** The first addresses that manifests name for their layers, by digest. */
function urlsIn(contents: readonly ManifestContent[]): ReadonlyMap<string, readonly string[]> {
  const named = contents.filter(({ manifest }) => manifest.layers.some(({ isElsewhere }) => isElsewhere));
  const layers = named.flatMap(({ bytes }) => written.safeParse(parseCounted(bytes)).data?.layers ?? []);
  return new Map(
    layers.flatMap(({ digest, urls }) => (urls?.length ? [[digest, urls.slice(0, MAX_URLS)] as const] : [])),
  );
}

/**
 * Judges what was seen, in an order that does not depend on who answered first. A referrer is what names the manifest as its
 * subject itself: registries that take the tag `sha256-<hex>` for the digest list children, and listings may say anything.
 * `dropped` = children of the original that stay behind.
 */
function assemble(seen: Seen, root: Digest, dropped: readonly Digest[], rules: GatherRequest) {
  /** The digest of the image before its index was made smaller; equal to `root` when it was not. */
  const original = rules.image.digest;
  const manifests: ManifestContent[] = [];
  const tagged: TaggedManifest[] = [];
  const attachments: Attachment[] = [];
  /** Children that an index lists and that are not there. */
  const absent: Digest[] = [];
  const placed = new Set<Digest>(dropped);
  const isRebuilt = (of: Digest): boolean => of !== root && of === original;

  /** Puts a manifest after its children. */
  const place = (digest: Digest): void => {
    if (placed.has(digest)) return;
    placed.add(digest);
    const content = seen.contents.get(digest);
    for (const child of content?.manifest.manifests ?? []) place(child.digest);
    if (content) manifests.push(content);
    else absent.push(digest);
  };

  const refer = (of: Digest, { digest, artifactType: listed = '' }: Descriptor): void => {
    if (placed.has(digest)) return; // it is copied as a part of the image, or was met already
    const content = seen.contents.get(digest);
    const artifactType = content ? (artifactTypeOf(content.manifest) ?? '') : listed;
    const left =
      leftBecause(artifactType, rules) ??
      (isRebuilt(of) ? 'IndexRebuilt' : fault(of, content, seen.unreadable.has(digest)));
    attachments.push({ of, digest, artifactType, left });
    if (left === undefined) place(digest);
  };

  /** What lies under a tag, and then what signs that. */
  const attach = (of: Digest, { tag, artifactType, content }: TaggedFound): void => {
    const left = leftBecause(artifactType, rules) ?? (isRebuilt(of) ? 'IndexRebuilt' : hollow(content));
    attachments.push({ of, artifactType, tag, digest: content?.manifest.digest, left });
    if (left !== undefined || content === undefined) return;
    tagged.push({ of, tag, content });
    for (const next of seen.tagged.get(content.manifest.digest) ?? []) attach(content.manifest.digest, next);
  };

  place(root);
  const about = (of: Digest): void => {
    for (const entry of seen.listings.get(of) ?? []) refer(of, entry);
    for (const one of seen.tagged.get(of) ?? []) attach(of, one);
  };
  if (original !== root) about(original);
  for (const { manifest } of manifests) about(manifest.digest); // grows as referrers are placed, and they are asked, too
  return { manifests, tagged, attachments, absent };
}

function fault(
  of: Digest,
  content: ManifestContent | undefined,
  isUnreadable: boolean,
): LeftBecause | undefined {
  if (isUnreadable) return 'Unreadable';
  if (content === undefined) return 'Gone';
  return content.manifest.subject?.digest === of ? undefined : 'NoReferrer';
}

/** Signatures are layers; an index under such a tag is something else. */
function hollow(content: ManifestContent | undefined): LeftBecause | undefined {
  return content === undefined || content.manifest.manifests.length > 0 ? 'NotMergeable' : undefined;
}
