import { Fault, parseDigest, pin, type Digest } from '../../model/index.ts';
import { findQuarantineFlag } from '../records/marks.ts';
import { fallbackSubject, sourceTagsOf } from '../selection/reserved-tags.ts';
import { selectInTime } from '../selection/select.ts';
import { deleteRest } from './delete-source.ts';
import type { StepParts } from './step.ts';

/** Subjects of listings that are looked up in one run: a repository that is tidied has none or a few. */
const MAX_LOOKED_UP = 100;

/** Tags of the target that the source lacks and that are looked up in one run, the newest first: all that were ever promoted lack it. */
const MAX_GONE = 20;

type Parts = Pick<StepParts, 'source' | 'target' | 'from' | 'to' | 'spec' | 'selectElsewhere'>;

/**
 * Deletes what an earlier run has left of images that it deleted at the source. Such a run was killed, and the image has no tag
 * any more by which a new plan finds it. It is found by the tag that it has at the target, and where a listing stands in for the
 * referrers API, by the tag of the listing. The flag goes last, so what is left has it. Nothing is thrown: what could not be
 * deleted is tried again by the next run.
 */
export async function deleteLeftovers(
  parts: Parts,
  { known, report }: { readonly known: ReadonlySet<Digest>; readonly report: (error: unknown) => void },
  signal: AbortSignal,
): Promise<void> {
  const { source, from } = parts;
  try {
    const tags = (await source.tags(from, signal)) ?? [];
    const listed = tags.flatMap((tag) => parseDigest(fallbackSubject(tag)) ?? []).slice(0, MAX_LOOKED_UP);
    for (const digest of new Set([...listed, ...(await goneFrom(tags, parts, signal))])) {
      const image = pin(from, digest);
      if (known.has(digest) || !findQuarantineFlag(await source.referrers(image, signal))) continue;
      if ((await source.tagDigest(image, signal)) === undefined) await deleteRest(image, parts, signal);
    }
  } catch (error) {
    if (!(error instanceof Fault) && !signal.aborted) report(error);
  }
}

/** Digests of selected tags that the target has and the source has not. */
async function goneFrom(
  tags: readonly string[],
  { target, to, spec, selectElsewhere }: Parts,
  signal: AbortSignal,
): Promise<readonly Digest[]> {
  const there = new Set(tags);
  const places = new Map(
    ((await target.tags(to, signal)) ?? []).flatMap((at) => {
      const from = sourceTagsOf(spec.targetTag, at);
      // One that the source has under either form is not gone.
      return from.some((tag) => there.has(tag)) ? [] : from.map((tag) => [tag, at] as const);
    }),
  );
  const named = await selectInTime(to, { present: [...places.keys()], spec: spec.tags }, selectElsewhere);
  const gone = new Set(named.ok ? named.value.tags.map((tag) => places.get(tag)) : []);
  const digests = await Promise.all(
    [...gone].slice(0, MAX_GONE).map((tag) => target.tagDigest({ ...to, tag }, signal)),
  );
  return digests.flatMap((digest) => digest ?? []);
}
