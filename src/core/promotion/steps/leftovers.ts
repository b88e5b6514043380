import { Fault, parseDigest, pin, type Digest } from '../../model/index.ts';
import { findQuarantineFlag } from '../records/marks.ts';
import { fallbackSubject } from '../selection/reserved-tags.ts';
import { deleteRest } from './delete-source.ts';
import type { StepParts } from './step.ts';

/** Subjects of listings that are looked up in one run: a repository that is tidied has none or a few. */
const MAX_LOOKED_UP = 100;

/**
 * Deletes what an earlier run has left of images that it deleted at the source. Such a run was killed, and the image has no tag
 * any more by which a new plan finds it; where a listing stands in for the referrers API, the tag of the listing does. It goes
 * last, so it still has the flag of the image. A registry with the API collects what refers to an image that is gone. Nothing is
 * thrown: what could not be deleted is tried again by the next run.
 */
export async function deleteLeftovers(
  parts: Pick<StepParts, 'source' | 'target' | 'from' | 'to' | 'spec'>,
  { known, report }: { readonly known: ReadonlySet<Digest>; readonly report: (error: unknown) => void },
  signal: AbortSignal,
): Promise<void> {
  const { source, from } = parts;
  try {
    const tags = (await source.tags(from, signal)) ?? [];
    const subjects = tags.flatMap((tag) => parseDigest(fallbackSubject(tag)) ?? []);
    for (const digest of subjects.filter((one) => !known.has(one)).slice(0, MAX_LOOKED_UP)) {
      const image = pin(from, digest);
      if ((await source.tagDigest(image, signal)) !== undefined) continue;
      if (findQuarantineFlag(await source.fallbackReferrers(image, signal)))
        await deleteRest(image, parts, signal);
    }
  } catch (error) {
    if (!(error instanceof Fault) && !signal.aborted) report(error);
  }
}
