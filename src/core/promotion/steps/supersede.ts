import pLimit from 'p-limit';
import type { ImageRef, Manifest } from '../../model/index.ts';
import { durationMs } from '../../policy/index.ts';
import { subjectOf } from '../records/artifact.ts';
import { endOfLifeMark, findEndOfLife } from '../records/marks.ts';
import type { PromoteSpec } from '../schema.ts';
import { isReservedTag } from '../selection/reserved-tags.ts';
import { compareNewestFirst, parseTagVersion, type TagVersion } from '../selection/versions.ts';
import { step, type Step, type StepParts } from './step.ts';
import { attach, referrersAt } from './write.ts';

/** Older images of one line that are examined; longer lines are cleaned up by deleting, not by marking. */
const MAX_OLDER = 200;
const AT_ONCE = 8;
/** Numbers of a version whose tag does not move: `1.4` moves, `1.4.2` does not. */
const WRITTEN_OUT = 3;
/** Annotations that name the line of an image, ours and that of the public workflows. */
const LINE_KEYS = ['dev.pratique.image.lineage', 'com.toddysm.image.lineage'];

/**
 * Gives all images of a line but the newest an end of life, unless they have one: the newest marks those before it, and one that
 * arrives behind it itself, so that it does not matter in which order a run brings them. Only images whose tag is a whole version
 * supersede and are superseded: moving tags follow by themselves.
 */
export function supersedeStep(
  { target, startedAt }: StepParts,
  { endOfLifeAfter }: NonNullable<PromoteSpec['supersede']>,
): Step {
  const endsAt = new Date(startedAt.getTime() + durationMs(endOfLifeAfter));
  return step('supersede', async ({ to, planned: { tag } }, _, signal) => {
    const version = wholeVersion(tag);
    if (!version) return { status: 'skipped' };
    const [manifest, tags] = await Promise.all([target.manifest(to, signal), target.tags(to, signal)]);
    if (!manifest) return { status: 'skipped' };
    const line: Line = { target, to, own: { tag, version, manifest } };
    const { newer, older } = sidesOf(line.own, tags ?? []);
    const mark = async ({ manifest: about }: Member, supersededBy: string): Promise<boolean> => {
      const place = { target, to, about };
      if (findEndOfLife(await referrersAt(place, signal))) return false;
      await attach(place, endOfLifeMark(subjectOf(about), { endsAt, supersededBy, at: startedAt }), signal);
      return true;
    };
    // They come newest first, so that mostly one is examined.
    for (const one of newer) {
      const successor = await memberOf(one, line, signal);
      if (successor) return { status: (await mark(line.own, successor.tag)) ? 'succeeded' : 'skipped' };
    }
    const limit = pLimit(AT_ONCE);
    const marked = await Promise.all(
      older.slice(0, MAX_OLDER).map((one) =>
        limit(async () => {
          const member = await memberOf(one, line, signal);
          return member !== undefined && mark(member, tag);
        }),
      ),
    );
    return { status: marked.includes(true) ? 'succeeded' : 'skipped' };
  });
}

/** An image of a line. */
interface Member {
  readonly tag: string;
  readonly version: TagVersion;
  readonly manifest: Manifest;
}

/** A line at the target, as the image sees it that has arrived. */
interface Line extends Pick<StepParts, 'target'> {
  readonly to: ImageRef;
  readonly own: Member;
}

/** Tags that may be of the same line, on either side of an image, the newest first. */
function sidesOf(
  { version, manifest }: Member,
  tags: readonly string[],
): { readonly newer: readonly string[]; readonly older: readonly string[] } {
  const sorted = tags
    .flatMap((tag) => {
      const its = isReservedTag(tag) ? undefined : wholeVersion(tag);
      if (!its || variantOf(its) !== variantOf(version)) return [];
      // Without a name for the line it is the minor version: others need not be examined.
      const mayBe = namedLine(manifest) !== undefined || minorOf(its) === minorOf(version);
      return mayBe ? [{ tag, its }] : [];
    })
    .toSorted((a, b) => compareNewestFirst(a.its, b.its));
  const where = (isWanted: (order: number) => boolean): readonly string[] =>
    sorted.filter(({ its }) => isWanted(compareNewestFirst(its, version))).map(({ tag }) => tag);
  return { newer: where((order) => order < 0), older: where((order) => order > 0) };
}

/** The image under a tag, if it is another one of the same line. */
async function memberOf(
  tag: string,
  { target, to: { registry, repository }, own }: Line,
  signal: AbortSignal,
): Promise<Member | undefined> {
  const version = wholeVersion(tag);
  const manifest = await target.manifest({ registry, repository, tag }, signal);
  if (!version || !manifest || manifest.digest === own.manifest.digest) return undefined;
  const member = { tag, version, manifest };
  return lineOf(member) === lineOf(own) ? member : undefined;
}

function wholeVersion(tag: string): TagVersion | undefined {
  const version = parseTagVersion(tag);
  return version?.written === WRITTEN_OUT ? version : undefined;
}

/** `1.4.1-alpine` is not older than `1.4.2`, it is another image. */
function variantOf({ version }: TagVersion): string {
  return version.prerelease.join('.');
}

/** The line that the image names, else its minor version. */
function lineOf({ manifest, version }: Member): string {
  return namedLine(manifest) ?? minorOf(version);
}

function namedLine({ annotations }: Manifest): string | undefined {
  return LINE_KEYS.map((key) => annotations[key]).find((line) => line !== undefined);
}

function minorOf({ version }: TagVersion): string {
  return `${String(version.major)}.${String(version.minor)}`;
}
