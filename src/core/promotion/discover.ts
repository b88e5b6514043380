import pLimit from 'p-limit';
import * as z from 'zod';
import { definedFields, isFolder, isIndexType, nameOf, parseShort, pin, problem } from '../model/index.ts';
import type { Digest, Fault, ImageRef, Parsed, Problem } from '../model/index.ts';
import { RELEASE_PREDICATE_TYPE } from '../policy/index.ts';
import { orFault } from './concurrency.ts';
import { keepPlatforms } from './graph/platforms.ts';
import { planRun, type Candidate, type Discovery, type PlanRules, type UnplannedImage } from './plan.ts';
import type { SourceRegistry } from './ports.ts';
import { CREATED } from './records/artifact.ts';
import { findCosignLayer, type CosignLayerClaims } from './records/cosign-tag.ts';
import type { SeenBook } from './records/first-seen.ts';
import { findBundle, SIGN_PREDICATE_TYPE } from './records/statement.ts';
import { tryAgain, type Waiting } from './retry.ts';
import { cosignTag, FIRST_SEEN_TAG, targetTagOf } from './selection/reserved-tags.ts';
import { claimedTime, needsOf, nothingSelected, selectInTime, WHY_LEFT_OUT } from './selection/select.ts';
import type { LeftOut } from './selection/select.ts';
import type { StepParts } from './steps/step.ts';

/** What is examined to plan a run. */
type DiscoverParts = Waiting &
  Pick<
    StepParts,
    | 'spec'
    | 'source'
    | 'target'
    | 'from'
    | 'to'
    | 'clock'
    | 'signer'
    | 'history'
    | 'sourceTags'
    | 'selectElsewhere'
  > & {
    /** Since when digests are known; absent where no age is asked by it. */
    readonly seen?: SeenBook | undefined;
    /** What is seen for the first time is written down: absent = nothing is written anywhere. */
    readonly records?: boolean | undefined;
  };

/** Tags examined in parallel; the budget of each registry is shared by all runs. */
const AT_ONCE = 16;

/** There is no such repository; a folder may be there, and have no image. */
function nothingAt(from: ImageRef): Discovery {
  const detail = `there is no ${isFolder(from) ? 'image in ' : ''}${nameOf(from)}`;
  return { state: 'refused', reason: { code: 'ImageNotFound', detail } };
}

/**
 * Selects tags, resolves each digest once and plans what to do. A repository that cannot be listed is a Fault; one tag about
 * which something breaks is a row that says so, and the others go on.
 */
export async function discover(parts: DiscoverParts, signal: AbortSignal): Promise<Discovery> {
  const { spec, source, from, clock, history } = parts;
  const list = parts.sourceTags ?? ((until: AbortSignal) => source.tags(from, until));
  const again = <T>(ask: () => Promise<T>): Promise<T> => tryAgain(ask, parts, signal);
  const loading = again(async () => history?.load(signal));
  loading.catch(() => undefined); // awaited below, behind what is asked for at the same time
  const needs = needsOf(spec.tags);
  const present = needs.list ? await again(() => list(signal)) : spec.tags.explicit;
  if (present === undefined) return nothingAt(from);
  const select = parts.selectElsewhere;
  const named = await selectInTime(from, { present, spec: spec.tags }, select);
  if (!named.ok) return invalid(named);
  const limit = pLimit(AT_ONCE);
  const each = <T>(tags: readonly string[], look: (tag: string) => Promise<T>): Promise<readonly T[]> =>
    Promise.all(tags.map((tag) => limit(() => look(tag))));
  const { digests, dates, failed } = await firstSeen(needs.seen ? named.value.tags : [], parts, signal);
  const candidates = await each(named.value.tags, async (tag) => ({
    tag,
    created: needs.created ? await createdAt({ ...from, tag }, parts, signal) : undefined,
    ...definedFields({ seen: dates.get(tag) }),
  }));
  const aged = await selectInTime(from, { candidates, spec: spec.tags, now: clock() }, select);
  if (!aged.ok) return invalid(aged);
  const chosen = aged.value;
  const unfit = [...named.value.leftOut, ...chosen.leftOut];
  const isMissing = ({ why }: LeftOut): boolean => why === 'Missing';
  const absent = unfit.filter(isMissing).map(({ tag }) => missing(tag));
  const leftOut = [...unfit.filter((one) => !isMissing(one)), ...named.value.passedOver];
  const places = placesOf(chosen.tags, spec.targetTag);
  const looking = each(chosen.tags, async (tag) => {
    const at = places(tag);
    return at.ok
      ? lookAt({ tag, at: at.value, digest: digests.get(tag) }, parts, signal)
      : misnamed(tag, at.problems);
  });
  const [unreadable, rows] = await Promise.all([loading, looking]);
  if (unreadable) return { state: 'refused', reason: unreadable };
  if (chosen.tags.length + absent.length + failed.length === 0) {
    const nothing = nothingSelected(from, unfit, needs.list ? present.length : undefined);
    return { state: 'planned', images: [], nothing, leftOut };
  }
  return { state: 'planned', images: planRun([...rows, ...absent, ...failed], rulesOf(parts)), leftOut };
}

function invalid({ problems }: Extract<Parsed<unknown>, { readonly ok: false }>): Discovery {
  const detail = problems.map(({ path, message }) => `tags.${path} ${message}`).join('; ');
  return { state: 'refused', reason: { code: 'InvalidPromotion', detail } };
}

/** The digests of tags, and since when they are known. A list that cannot be written is a row: nothing would ever become old. */
async function firstSeen(tags: readonly string[], parts: DiscoverParts, signal: AbortSignal) {
  const { seen, source, target, from, to, spec, clock, records = false } = parts;
  const digests = new Map<string, Digest>();
  const dates = new Map<string, Date>();
  const failed: UnplannedImage[] = [];
  if (!seen || tags.length === 0) return { digests, dates, failed };
  const limit = pLimit(AT_ONCE);
  const resolve = (ref: ImageRef): Promise<Digest | undefined> =>
    limit(() =>
      orFault(
        tryAgain(() => source.tagDigest(ref, signal), parts, signal),
        () => undefined,
        signal,
      ),
    );
  for (const [index, digest] of (await Promise.all(tags.map((tag) => resolve({ ...from, tag })))).entries())
    if (digest) digests.set(tags[index] ?? '', digest);
  const known = await tryAgain(() => seen.load(signal), parts, signal);
  const all = [...new Set(digests.values())];
  const news = all.filter((digest) => !known.has(digest));
  if (records && news.length > 0) {
    const written = tryAgain(() => seen.add(news, all, clock(), signal), parts, signal);
    const fault = await orFault(written, (one) => one, signal);
    if (fault) failed.push(notWritten(fault));
  }
  await Promise.all(
    [...digests].map(([tag, digest]) =>
      limit(async () => {
        // What a mirror has brought already has arrived, whatever the list says; its flag is proven in each run.
        const at = targetTagOf(spec.targetTag, tag);
        const isThere =
          spec.mirror && at.ok && (await target.tagDigest({ ...to, tag: at.value }, signal)) === digest;
        const since = isThere ? new Date(0) : known.get(digest);
        if (since) dates.set(tag, since);
      }),
    ),
  );
  return { digests, dates, failed };
}

function notWritten({ code: reason, message, transient }: Fault): UnplannedImage {
  const why = `the list of what was seen first cannot be written, so that nothing becomes old enough for tags.minAge: ${message}`;
  return { tag: FIRST_SEEN_TAG, action: 'Fail', reason, message: why, transient };
}

/** Finds what each of these tags is called at the target; two images that would get one tag there get none. */
function placesOf(tags: readonly string[], template: string | undefined): (tag: string) => Parsed<string> {
  const named = tags.map((tag) => ({ tag, at: targetTagOf(template, tag) }));
  const byPlace = Map.groupBy(named, ({ at }) => (at.ok ? at.value : undefined));
  return (tag) => {
    const at = targetTagOf(template, tag);
    const other = at.ok && byPlace.get(at.value)?.find((one) => one.tag !== tag)?.tag;
    return at.ok && other
      ? problem('targetTag', `would make it ${at.value}, as ${other}: leave one of them out of tags`)
      : at;
  };
}

/** The row of a tag that has no name at the target. */
function misnamed(tag: string, problems: readonly Problem[]): UnplannedImage {
  const message = problems.map(({ path, message: why }) => `${path} ${why}`).join('; ');
  return { tag, action: 'Fail', reason: 'InvalidPromotion', message, transient: false };
}

/** The row of a named tag that is not there: it is reported, and the others go on. */
function missing(tag: string): UnplannedImage {
  const message = WHY_LEFT_OUT.Missing;
  return { tag, action: 'Fail', reason: 'ImageNotFound', message, transient: true };
}

function rulesOf({ spec, history }: DiscoverParts): PlanRules {
  const { onTagExists, attachments, foreignLayers, promote, mirror } = spec;
  const looksAgain = attachments.late || foreignLayers === 'Copy';
  const after = [looksAgain, mirror?.quarantine, history, promote?.deleteSource, promote?.supersede];
  const mirroredBefore = mirror?.force ? undefined : history?.has;
  return { onTagExists, tidies: after.some(Boolean), mirroredBefore };
}

/** Both sides of one tag; what breaks about it ends this row only. A digest whose age was judged is the one that is taken. */
async function lookAt(
  {
    tag,
    at,
    digest: judged,
  }: { readonly tag: string; readonly at: string; readonly digest: Digest | undefined },
  parts: DiscoverParts,
  signal: AbortSignal,
): Promise<Candidate | UnplannedImage> {
  const { source, target, from, to } = parts;
  const look = async (): Promise<Candidate | UnplannedImage> => {
    const [digest, atTarget] = await Promise.all([
      judged ?? source.tagDigest({ ...from, tag }, signal),
      target.tagDigest({ ...to, tag: at }, signal),
    ]);
    if (digest === undefined) return missing(tag);
    const expected = await expectedAt({ ...from, tag }, digest, parts, signal);
    const named = { tag, ...(at !== tag && { targetTag: at }), digest, expected };
    if (atTarget === undefined) return named;
    const ungated = atTarget === expected && !(await hasReleaseRecords(atTarget, parts, signal));
    return { ...named, atTarget, ...(ungated && { ungated }) };
  };
  const failed = ({ code: reason, message, transient }: Fault) =>
    ({ tag, action: 'Fail', reason, message, transient }) as const;
  return orFault(tryAgain(look, parts, signal), failed, signal);
}

/**
 * Whether an image at the target has what a promotion that signs leaves there: the signature and the release of its signer; `true`
 * for a promotion that leaves no records. It costs one listing, or with `Legacy` two manifests. What is found are claims, which
 * anyone who can push may forge: that makes the promotion pass such an image over, and sign nothing. What a signature proves,
 * admission verifies by itself.
 */
async function hasReleaseRecords(
  digest: Digest,
  { spec: { promote }, target, to, signer: by }: DiscoverParts,
  signal: AbortSignal,
): Promise<boolean> {
  if (!promote?.sign || !by) return true;
  const { name: signer } = by;
  const bundles = async (...predicateTypes: readonly string[]): Promise<boolean> => {
    const listed = await target.referrers(pin(to, digest), signal);
    return predicateTypes.every((predicateType) => findBundle(listed, { predicateType, signer }));
  };
  if (promote.sign.format !== 'Legacy') return bundles(SIGN_PREDICATE_TYPE, RELEASE_PREDICATE_TYPE);
  const holds = async (claims: CosignLayerClaims): Promise<boolean> => {
    const content = await target.content(cosignTag(to, digest, claims.suffix), signal);
    return content !== undefined && findCosignLayer(content.manifest, claims) !== undefined;
  };
  const [signed, released] = await Promise.all([
    holds({ suffix: 'sig', signer }),
    holds({ suffix: 'att', signer, predicateType: RELEASE_PREDICATE_TYPE }),
  ]);
  // What a tag could not take lies in a bundle.
  const lacked = [...(signed ? [] : [SIGN_PREDICATE_TYPE]), ...(released ? [] : [RELEASE_PREDICATE_TYPE])];
  return lacked.length === 0 || bundles(...lacked);
}

/** The digest that an image will have at the target: its own, unless its index loses platforms. */
async function expectedAt(
  ref: ImageRef,
  digest: Digest,
  { spec: { platforms }, source }: DiscoverParts,
  signal: AbortSignal,
): Promise<Digest> {
  if (platforms.keep.length === 0) return digest;
  const image = pin(ref, digest);
  const content = await source.content(image, signal);
  // What it lacks, the run says when it comes to it.
  if (!content || !isIndexType(content.manifest.mediaType)) return digest;
  return (await keepPlatforms(content, { image, source, platforms }, signal)).root.manifest.digest;
}

/** Largest config that is read for its date, in bytes; real ones have a few thousand. */
const MAX_CONFIG_BYTES = 1024 * 1024;

const config = z.object({ created: z.string().nullish() });

/**
 * When the image behind a tag says it was made, by its annotation or else its config; `undefined` when that cannot be learned, or is
 * a date that build tools write into every image.
 */
async function createdAt(
  ref: ImageRef,
  parts: DiscoverParts,
  signal: AbortSignal,
): Promise<Date | undefined> {
  // An image of unknown age is left out by the selection by age: the others are still promoted.
  const asked = tryAgain(() => claimOf(ref, parts.source, signal), parts, signal);
  return orFault(asked, () => undefined, signal);
}

async function claimOf(
  ref: ImageRef,
  source: SourceRegistry,
  signal: AbortSignal,
): Promise<Date | undefined> {
  const manifest = await source.manifest(ref, signal);
  if (!manifest) return undefined;
  const annotated = claimedTime(manifest.annotations[CREATED]);
  if (annotated) return annotated;
  // The image itself, or the first one of an index: all are made together.
  const [first] = manifest.manifests;
  const image = first ? await source.manifest(pin(ref, first.digest), signal) : manifest;
  const bytes = image?.config && (await source.blob(ref, image.config, MAX_CONFIG_BYTES, signal));
  return claimedTime(bytes && config.safeParse(parseShort(bytes)).data?.created);
}
