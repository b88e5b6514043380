import pLimit from 'p-limit';
import {
  isIndexType,
  pin,
  type Digest,
  type ImageRef,
  type PinnedRef,
  fallbackTag,
} from '../../model/index.ts';
import { verifyTarget } from '../copy/verify-target.ts';
import { cosignTags } from '../graph/cosign-tags.ts';
import type { TargetRegistry } from '../ports.ts';
import { isReservedTag } from '../selection/reserved-tags.ts';
import { gatherImage } from './copy.ts';
import type { Step } from './step.ts';
import type { ImageTask, Learned, StepParts } from './task.ts';

/** What {@link deleteSourceStep} works with: the source has to be writable as well. */
export interface DeleteParts extends Pick<StepParts, 'target' | 'spec'> {
  readonly source: TargetRegistry;
}

/** Tags whose digests are looked up at the same time, before a digest goes. */
const AT_ONCE = 8;
/** Manifests of one closure that are deleted; more is no image with its signatures any more. */
const MAX_CLOSURE = 1_000;

/**
 * Deletes the image at the source with all that refers to it, only while the target has exactly this digest under the tag with all
 * that was to be carried, and no other tag of the source points to it: a registry that deletes a digest takes every tag along.
 */
export function deleteSourceStep(parts: DeleteParts): Step<ImageTask, Learned> {
  const { source, target } = parts;
  return {
    name: 'delete source',
    run: async ({ image, to, planned }, { graph }, signal) => {
      const digest = await source.tagDigest(tagOf(image), signal);
      if (digest === undefined) return { status: 'skipped' };
      // An image that has arrived has not failed because its source stays: the result only says so.
      const leave = (sourceLeft: string) => ({ status: 'skipped', learned: { sourceLeft } }) as const;
      if (digest !== image.digest) return leave('its tag has moved at the source');
      if ((await target.tagDigest(to, signal)) !== planned.expected)
        return leave('the target does not have it');
      // One that was at the target before this run may have come there alone, without what belongs to it.
      if (!graph && !(await isWhole(image, to, parts, signal)))
        return leave('the target does not have all that belongs to it');
      const others = await othersAt(image, source, signal);
      if (others.length > 0) return leave(`SourceShared: ${shared(others)} to it`);
      for (const one of await closureOf(image, source, signal)) {
        if ((await source.deleteManifest(pin(image, one), signal)) === 'refused')
          return leave('the registry does not delete');
      }
      return { status: 'succeeded' };
    },
  };
}

async function isWhole(
  image: PinnedRef,
  to: ImageRef,
  parts: DeleteParts,
  signal: AbortSignal,
): Promise<boolean> {
  const gathered = await gatherImage(image, parts, signal);
  if (gathered.state === 'refused') return false;
  const { target } = parts;
  const arrived = await verifyTarget({ graph: gathered.graph, target, to, thorough: true }, signal);
  return arrived.state === 'complete';
}

function shared(tags: readonly string[]): string {
  return tags.length === 1 ? `tag ${tags.join('')} still points` : `tags ${tags.join(', ')} still point`;
}

function tagOf({ registry, repository, tag }: PinnedRef): ImageRef {
  return { registry, repository, ...(tag !== undefined && { tag }) };
}

/** Other tags of the source that point to the digest or to an index that holds it. */
async function othersAt(
  image: PinnedRef,
  source: TargetRegistry,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const tags = (await source.tags(image, signal)) ?? [];
  const limit = pLimit(AT_ONCE);
  const looked = await Promise.all(
    tags
      .filter((tag) => tag !== image.tag && !isReservedTag(tag))
      .map((tag) =>
        limit(async () => {
          const { registry, repository } = image;
          const manifest = await source.manifest({ registry, repository, tag }, signal);
          const holds =
            manifest?.digest === image.digest ||
            manifest?.manifests.some(({ digest }) => digest === image.digest) === true;
          return holds ? [tag] : [];
        }),
      ),
  );
  return looked.flat();
}

/**
 * What goes, in the order in which it goes: what refers first, so that a registry never shows signatures of nothing, then the
 * image. Children of an index stay when another index may share them: registries collect what nothing holds.
 */
async function closureOf(
  image: PinnedRef,
  source: TargetRegistry,
  signal: AbortSignal,
): Promise<readonly Digest[]> {
  const { registry, repository } = image;
  const order: Digest[] = [];
  const seen = new Set<Digest>();
  const visit = async (digest: Digest): Promise<void> => {
    if (seen.has(digest) || seen.size >= MAX_CLOSURE) return;
    seen.add(digest);
    for (const referrer of await source.referrers(pin(image, digest), signal)) await visit(referrer.digest);
    for (const tag of [...cosignTags(digest).map((one) => one.tag), fallbackTag(digest)]) {
      const tagged = await source.tagDigest({ registry, repository, tag }, signal);
      if (tagged !== undefined && !seen.has(tagged)) order.push(tagged);
    }
    order.push(digest);
  };
  const manifest = await source.manifest(image, signal);
  if (manifest && isIndexType(manifest.mediaType)) {
    for (const child of manifest.manifests)
      for (const referrer of await source.referrers(pin(image, child.digest), signal))
        await visit(referrer.digest);
  }
  await visit(image.digest);
  return order;
}
