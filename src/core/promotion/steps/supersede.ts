import pLimit from 'p-limit';
import type { Manifest } from '../../model/index.ts';
import { durationMs } from '../../policy/index.ts';
import { subjectOf } from '../records/artifact.ts';
import { endOfLifeMark, findEndOfLife } from '../records/end-of-life.ts';
import type { PromoteSpec } from '../schema.ts';
import { isReservedTag } from '../selection/reserved-tags.ts';
import { compareNewestFirst, parseTagVersion, type TagVersion } from '../selection/versions.ts';
import type { Step } from './step.ts';
import type { ImageTask, Learned, StepParts } from './task.ts';
import { attach, referrersAt } from './place.ts';

/** Older images of one line that are looked at; longer lines are cleaned up by deleting, not by marking. */
const MAX_OLDER = 200;
const AT_ONCE = 8;
/** Numbers of a version that is one image for good: `1.4` moves on, `1.4.2` does not. */
const WRITTEN_OUT = 3;
/** Annotations that name the line of an image, ours and that of the public workflows. */
const LINE_KEYS = ['dev.pratique.image.lineage', 'com.toddysm.image.lineage'];

/**
 * Gives the older images of the same line an end of life, unless they have one. Only an image whose tag is a whole version
 * supersedes, and only such are superseded: moving tags follow by themselves.
 */
export function supersedeStep(
  { target, startedAt }: Pick<StepParts, 'target' | 'startedAt'>,
  { endOfLifeAfter }: NonNullable<PromoteSpec['supersede']>,
): Step<ImageTask, Learned> {
  const endsAt = new Date(startedAt.getTime() + durationMs(endOfLifeAfter));
  return {
    name: 'supersede',
    run: async ({ to, planned: { tag } }, _, signal) => {
      const version = wholeVersion(tag);
      if (!version) return { status: 'skipped' };
      const [current, tags] = await Promise.all([target.manifest(to, signal), target.tags(to, signal)]);
      if (!current) return { status: 'skipped' };
      const line = lineOf(current, version);
      const older = (tags ?? [])
        .filter((one) => !isReservedTag(one) && isOlder(wholeVersion(one), version))
        .slice(0, MAX_OLDER);
      const limit = pLimit(AT_ONCE);
      const marked = await Promise.all(
        older.map((one) =>
          limit(async () => {
            const { registry, repository } = to;
            const manifest = await target.manifest({ registry, repository, tag: one }, signal);
            const itsVersion = wholeVersion(one);
            if (!manifest || !itsVersion || manifest.digest === current.digest) return false;
            if (lineOf(manifest, itsVersion) !== line) return false;
            const place = { target, to, about: manifest };
            if (findEndOfLife(await referrersAt(place, signal))) return false;
            const mark = endOfLifeMark(subjectOf(manifest), { endsAt, supersededBy: tag, at: startedAt });
            await attach(place, mark, signal);
            return true;
          }),
        ),
      );
      return { status: marked.includes(true) ? 'succeeded' : 'skipped' };
    },
  };
}

function wholeVersion(tag: string): TagVersion | undefined {
  const version = parseTagVersion(tag);
  return version?.written === WRITTEN_OUT ? version : undefined;
}

/** Of the same variant, and before it: `1.4.1-alpine` is not older than `1.4.2`, it is another image. */
function isOlder(one: TagVersion | undefined, than: TagVersion): one is TagVersion {
  if (!one) return false;
  const variant = ({ version }: TagVersion): string => version.prerelease.join('.');
  return variant(one) === variant(than) && compareNewestFirst(one, than) > 0;
}

/** The line that the image names, else its minor version. */
function lineOf({ annotations }: Manifest, { version }: TagVersion): string {
  const named = LINE_KEYS.map((key) => annotations[key]).find((line) => line !== undefined);
  return named ?? `${String(version.major)}.${String(version.minor)}`;
}
