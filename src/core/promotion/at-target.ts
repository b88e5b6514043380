import pLimit from 'p-limit';
import { Fault, type Digest, type ImageRef } from '../model/index.ts';
import type { PlannedImage } from './plan.ts';
import type { TargetRegistry } from './ports.ts';

/** Where a run goes. */
export interface Destination {
  readonly target: TargetRegistry;
  /** The repository. */
  readonly to: ImageRef;
}

/** Tags checked in parallel before a run continues. */
const AT_ONCE = 16;

/**
 * Tags of images that were to move and have their tag by now: all before it is done, what comes after may not be. The tag of one
 * that was there before says nothing of that.
 */
export async function arrivedOf(
  planned: readonly PlannedImage[],
  { target, to }: Destination,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const limit = pLimit(AT_ONCE);
  const moving = planned.filter(
    ({ action, atTarget, expected }) => action === 'Move' && atTarget !== expected,
  );
  const found = await Promise.all(
    moving.map(({ tag, expected }) =>
      limit(async () => ((await target.tagDigest({ ...to, tag }, signal)) === expected ? [tag] : [])),
    ),
  );
  return new Set(found.flat());
}

/** Whether the target holds nothing of an image of the run. */
export type Newness = (image: PlannedImage, signal: AbortSignal) => Promise<boolean>;

/**
 * Finds the images of a run of which the target holds nothing: all promoted ones where the repository has no tag yet, each digest
 * once. The first image that needs the answer asks for all of them. No request is made where the plan has seen a tag there. Where
 * the registry does not answer this, the target is checked image by image.
 */
export function newness(planned: readonly PlannedImage[], { target, to }: Destination): Newness {
  const moving = planned.flatMap((one) => (one.action === 'Move' ? [one] : []));
  const first = new Map<Digest, string>();
  for (const { tag, expected } of moving) if (!first.has(expected)) first.set(expected, tag);
  const inUse = planned.some(({ atTarget }) => atTarget !== undefined);
  let absent: Promise<boolean> | undefined;
  const isAbsent = (signal: AbortSignal): Promise<boolean> =>
    target.tags(to, signal).then(
      (tags) => tags === undefined || tags.length === 0,
      (error: unknown) => {
        if (error instanceof Fault) return false;
        throw error;
      },
    );
  return async ({ tag, expected }, signal) => {
    if (inUse || expected === undefined || first.get(expected) !== tag) return false;
    absent ??= isAbsent(signal);
    return absent;
  };
}
