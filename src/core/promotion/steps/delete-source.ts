import pLimit from 'p-limit';
import { fallbackTag, isIndexType, pin, type Digest, type PinnedRef } from '../../model/index.ts';
import { verifyTarget } from '../copy/copy.ts';
import type { TargetRegistry } from '../ports.ts';
import { COSIGN_KINDS, cosignTag, isReservedTag } from '../selection/reserved-tags.ts';
import { gatherImage } from './copy.ts';
import { step, type ImageTask, type Step, type StepParts } from './step.ts';

/** Tags whose digests are looked up at the same time, before a digest goes. */
const AT_ONCE = 8;
/** Manifests of one closure that are deleted; more is no image with its signatures any more. */
const MAX_CLOSURE = 1_000;

/**
 * Deletes the image at the source with all that refers to it, only while the target has exactly this digest under the tag with all
 * that was to be carried, and no other tag of the source points to it: a registry that deletes a digest takes every tag along.
 */
export function deleteSourceStep(parts: StepParts): Step {
  const { source, target } = parts;
  return step('delete source', async (task, { graph }, signal) => {
    const { image, to, planned } = task;
    const { registry, repository, tag } = image;
    const digest = await source.tagDigest({ registry, repository, tag }, signal);
    if (digest === undefined) return { status: 'skipped' };
    // An image that has arrived has not failed because its source stays: the result only says so.
    const leave = (sourceLeft: string) => ({ status: 'skipped', learned: { sourceLeft } }) as const;
    if (digest !== image.digest) return leave('its tag has moved at the source');
    if ((await target.tagDigest(to, signal)) !== planned.expected)
      return leave('the target does not have it');
    // One that was at the target before this run may have come there alone, without what belongs to it.
    if (!graph && !(await isWhole(task, parts, signal)))
      return leave('the target does not have all that belongs to it');
    const others = await othersAt(image, source, signal);
    if (others.length === 1) return leave(`SourceShared: tag ${others.join('')} still points to it`);
    if (others.length > 1) return leave(`SourceShared: tags ${others.join(', ')} still point to it`);
    for (const one of await closureOf(image, source, signal)) {
      if ((await source.deleteManifest(pin(image, one), signal)) === 'refused')
        return leave('the registry does not delete');
    }
    return { status: 'succeeded' };
  });
}

async function isWhole({ image, to }: ImageTask, parts: StepParts, signal: AbortSignal): Promise<boolean> {
  const gathered = await gatherImage(image, parts, signal);
  if (gathered.state === 'refused') return false;
  const { graph } = gathered;
  const { reason } = await verifyTarget({ graph, target: parts.target, to, thorough: true }, signal);
  return reason === undefined;
}

/** Other tags of the source that point to the digest or to an index that holds it. */
async function othersAt(
  { registry, repository, tag: own, digest }: PinnedRef,
  source: TargetRegistry,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const tags = (await source.tags({ registry, repository }, signal)) ?? [];
  const limit = pLimit(AT_ONCE);
  const others = tags.filter((tag) => tag !== own && !isReservedTag(tag));
  const manifests = await Promise.all(
    others.map((tag) => limit(() => source.manifest({ registry, repository, tag }, signal))),
  );
  return others.filter((_, index) => {
    const manifest = manifests[index];
    return manifest && [manifest, ...manifest.manifests].some((one) => one.digest === digest);
  });
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
  const visitReferrers = async (digest: Digest): Promise<void> => {
    for (const referrer of await source.referrers(pin(image, digest), signal)) await visit(referrer.digest);
  };
  const visit = async (digest: Digest): Promise<void> => {
    if (seen.has(digest) || seen.size >= MAX_CLOSURE) return;
    seen.add(digest);
    await visitReferrers(digest);
    const tags = COSIGN_KINDS.map((kind) => cosignTag(image, digest, kind));
    for (const ref of [...tags, { registry, repository, tag: fallbackTag(digest) }]) {
      const tagged = await source.tagDigest(ref, signal);
      if (tagged !== undefined && !seen.has(tagged)) order.push(tagged);
    }
    order.push(digest);
  };
  const manifest = await source.manifest(image, signal);
  if (manifest && isIndexType(manifest.mediaType))
    for (const child of manifest.manifests) await visitReferrers(child.digest);
  await visit(image.digest);
  return order;
}
