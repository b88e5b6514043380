import pLimit from 'p-limit';
import * as z from 'zod';
import {
  Fault,
  isIndexType,
  nameOf,
  pin,
  type Clock,
  type Digest,
  type ImageRef,
  type Manifest,
  parseJson,
} from '../model/index.ts';
import type { Discovery } from './execution.ts';
import { keepPlatforms } from './graph/platforms.ts';
import { planRun, type Candidate, type PlannedImage, type PlanRules, type UnplannedImage } from './plan.ts';
import type { SourceRegistry } from './ports.ts';
import type { ImagePromotionSpec } from './schema.ts';
import { nothingSelected } from './selection/nothing-selected.ts';
import { needsCreated, needsTagList, selectByAge, selectByName } from './selection/select.ts';

/** What is examined to plan a run. */
export interface DiscoverParts {
  readonly spec: Pick<ImagePromotionSpec, 'tags' | 'platforms'>;
  readonly source: SourceRegistry;
  readonly target: SourceRegistry;
  /** Repositories. */
  readonly from: ImageRef;
  readonly to: ImageRef;
  readonly rules: PlanRules;
  /** Whether an image that is at the target has what the promotion leaves there; absent = it leaves no records. */
  readonly hasReleaseRecords?: (digest: Digest, signal: AbortSignal) => Promise<boolean>;
  readonly clock: Clock;
}

/** Tags examined in parallel; the budget of each registry is shared by all runs. */
const AT_ONCE = 16;
/**
 * Selects tags, resolves each digest once and plans what to do. A repository that cannot be listed is a Fault; one tag about
 * which something breaks is a row that says so, and the others go on.
 */
export async function discover(parts: DiscoverParts, signal: AbortSignal): Promise<Discovery> {
  const { spec, source, from, rules, clock } = parts;
  const isListed = needsTagList(spec.tags);
  const present = isListed ? await source.tags(from, signal) : spec.tags.explicit;
  if (present === undefined)
    return { state: 'refused', reason: { code: 'ImageNotFound', detail: `there is no ${nameOf(from)}` } };
  const named = selectByName(present, spec.tags);
  if (!named.ok) {
    const detail = named.problems.map(({ path, message }) => `tags.${path} ${message}`).join('; ');
    return { state: 'refused', reason: { code: 'InvalidPromotion', detail } };
  }
  const limit = pLimit(AT_ONCE);
  const each = <T>(tags: readonly string[], look: (tag: string) => Promise<T>): Promise<readonly T[]> =>
    Promise.all(tags.map((tag) => limit(() => look(tag))));
  const asked = needsCreated(spec.tags);
  const candidates = await each(named.value.tags, async (tag) => {
    const created = asked ? await createdAt({ ...from, tag }, source, signal) : undefined;
    return { tag, ...(created && { created }) };
  });
  const chosen = selectByAge(candidates, spec.tags, clock());
  if (chosen.tags.length === 0) {
    const leftOut = [...named.value.leftOut, ...chosen.leftOut];
    const looked = { from, leftOut, ...(isListed && { listed: present.length }) };
    return { state: 'planned', images: [], nothing: nothingSelected(looked) };
  }
  const rows = await each(chosen.tags, (tag) => lookAt(tag, parts, signal));
  return {
    state: 'planned',
    images: rows.flatMap((row): readonly PlannedImage[] => ('action' in row ? [row] : planRun([row], rules))),
  };
}

/** Both sides of one tag; what breaks about it ends this row only. */
async function lookAt(
  tag: string,
  parts: DiscoverParts,
  signal: AbortSignal,
): Promise<Candidate | UnplannedImage> {
  const { source, target, from, to, hasReleaseRecords: hasReleaseRecords } = parts;
  try {
    const [digest, atTarget] = await Promise.all([
      source.tagDigest({ ...from, tag }, signal),
      target.tagDigest({ ...to, tag }, signal),
    ]);
    if (digest === undefined) return gone(tag);
    const expected = await expectedAt({ ...from, tag }, digest, parts, signal);
    if (atTarget === undefined) return { tag, digest, expected };
    const gated = atTarget !== expected || !hasReleaseRecords || (await hasReleaseRecords(atTarget, signal));
    return { tag, digest, expected, atTarget, ...(!gated && { ungated: true }) };
  } catch (error) {
    if (!(error instanceof Fault) || signal.aborted) throw error;
    const { code: reason, message, transient } = error;
    return { tag, action: 'Fail', reason, message, transient };
  }
}

function gone(tag: string): UnplannedImage {
  const message = 'the source has no such tag';
  return { tag, action: 'Fail', reason: 'ImageNotFound', message, transient: true };
}

/** The digest that an image will have at the target: its own, unless its index loses platforms. */
async function expectedAt(
  ref: ImageRef,
  digest: Digest,
  { spec: { platforms }, source }: DiscoverParts,
  signal: AbortSignal,
): Promise<Digest> {
  if (platforms.keep.length === 0) return digest;
  const content = await source.content(pin(ref, digest), signal);
  // What it lacks, the run says when it comes to it.
  if (!content || !isIndexType(content.manifest.mediaType)) return digest;
  return keepPlatforms(content, platforms.keep).root.manifest.digest;
}

/** Largest config that is read for its date, in bytes; real ones have a few thousand. */
const MAX_CONFIG_BYTES = 4 * 1024 * 1024;
/** OCI image spec, "Pre-Defined Annotation Keys". */
const CREATED = 'org.opencontainers.image.created';

const config = z.object({ created: z.string().nullish() });

/** When the image behind a tag says it was made, by its annotation or its config; `undefined` when that cannot be learned. */
async function createdAt(
  ref: ImageRef,
  source: SourceRegistry,
  signal: AbortSignal,
): Promise<Date | undefined> {
  try {
    const date = new Date((await claimOf(ref, source, signal)) ?? NaN);
    return Number.isNaN(date.getTime()) ? undefined : date;
  } catch (error) {
    // An image of unknown age is left out by the selection by age: the others are still promoted.
    if (error instanceof Fault && !signal.aborted) return undefined;
    throw error;
  }
}

async function claimOf(
  ref: ImageRef,
  source: SourceRegistry,
  signal: AbortSignal,
): Promise<string | undefined> {
  const manifest = await source.manifest(ref, signal);
  const said = manifest?.annotations[CREATED];
  if (!manifest || said !== undefined) return said;
  const image = await imageIn(ref, manifest, source, signal);
  if (!image?.config) return undefined;
  const bytes = await source.blob(ref, image.config, MAX_CONFIG_BYTES, signal);
  return bytes && (config.safeParse(parseJson(bytes)).data?.created ?? undefined);
}

/** The image itself, or the first one of an index: all are made together. */
async function imageIn(
  ref: ImageRef,
  manifest: Manifest,
  source: SourceRegistry,
  signal: AbortSignal,
): Promise<Manifest | undefined> {
  const [first] = manifest.manifests;
  return first ? source.manifest(pin(ref, first.digest), signal) : manifest;
}
