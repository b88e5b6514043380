import pLimit from 'p-limit';
import { pin, type Manifest } from '../../model/index.ts';
import { durationMs } from '../../policy/index.ts';
import { tagAtTarget } from '../plan.ts';
import { subjectOf } from '../records/artifact.ts';
import { endOfLifeMark, findEndOfLife } from '../records/marks.ts';
import type { PromoteSpec, TagSelection } from '../schema.ts';
import { isReservedTag, sourceTagsOf } from '../selection/reserved-tags.ts';
import { compareNewestFirst, parseTagVersion, schemeOf, type TagVersion } from '../selection/versions.ts';
import { markEach, nodesAt } from '../graph/nodes.ts';
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
  { target, startedAt, spec: { tags: selection, targetTag } }: StepParts,
  { endOfLifeAfter }: NonNullable<PromoteSpec['supersede']>,
): Step {
  const rules = { ...selection, targetTag };
  const endsAt = new Date(startedAt.getTime() + durationMs(endOfLifeAfter));
  return step('supersede', async ({ to, planned }, _, signal) => {
    const tag = tagAtTarget(planned);
    const version = wholeVersion(planned.tag, rules);
    if (!version) return { status: 'skipped' };
    const [manifest, tags] = await Promise.all([target.manifest(to, signal), target.tags(to, signal)]);
    if (!manifest) return { status: 'skipped' };
    const own: Member = { tag, name: planned.tag, version, manifest };
    const others = akinTo(own, tags ?? [], rules);
    const memberAt = async (one: Versioned): Promise<Member | undefined> => {
      const found = await target.manifest({ ...to, tag: one.tag }, signal);
      if (!found || found.digest === manifest.digest) return undefined;
      const member = { ...one, manifest: found };
      return lineOf(member) === lineOf(own) ? member : undefined;
    };
    const mark = async ({ manifest: about }: Member, supersededBy: string): Promise<boolean> => {
      const place = (node: Manifest) => ({ target, to, about: node });
      const isMarked = async (node: Manifest): Promise<boolean> =>
        findEndOfLife(await referrersAt(place(node), signal)) !== undefined;
      const markOne = (node: Manifest) =>
        attach(place(node), endOfLifeMark(subjectOf(node), { endsAt, supersededBy, at: startedAt }), signal);
      // The image itself is marked last: once it is, everything below it is, too.
      if (await isMarked(about)) return false;
      const nodes = await nodesAt(target, pin(to, about.digest), about, signal);
      return markEach(nodes, isMarked, markOne);
    };
    // They come newest first, so that mostly one is examined.
    for (const one of others.filter((other) => compareNewestFirst(other.version, version) < 0))
      if (await memberAt(one)) return { status: (await mark(own, one.tag)) ? 'succeeded' : 'skipped' };
    const older = others.filter((other) => compareNewestFirst(other.version, version) > 0);
    const limit = pLimit(AT_ONCE);
    const marked = await Promise.all(
      older.slice(0, MAX_OLDER).map((one) =>
        limit(async () => {
          const member = await memberAt(one);
          return member !== undefined && mark(member, tag);
        }),
      ),
    );
    return { status: marked.includes(true) ? 'succeeded' : 'skipped' };
  });
}

/** How the promotion reads tags as versions, and what it calls them at the target. */
type TagRules = Pick<TagSelection, 'scheme' | 'suffix'> & Pick<StepParts['spec'], 'targetTag'>;

/** A tag at the target, with the name by which it is a whole version: that at the source. */
interface Versioned {
  readonly tag: string;
  readonly name: string;
  readonly version: TagVersion;
}

/** An image of a line. */
interface Member extends Versioned {
  readonly manifest: Manifest;
}

/** Tags that may be of the same line as an image, the newest first. */
function akinTo(
  { tag: ownTag, name: ownName, version: own, manifest }: Member,
  tags: readonly string[],
  rules: TagRules,
): readonly Versioned[] {
  const scheme = schemeOf(ownName, own);
  const asWritten = wholeVersion(ownTag, rules);
  const versions = tags.flatMap((tag) => {
    const [made] = sourceTagsOf(rules.targetTag, tag);
    const name = made ?? tag;
    const version = isReservedTag(tag) ? undefined : wholeVersion(name, rules);
    // What the template does not make is compared by the names that both have at the target.
    const like = made === undefined ? asWritten : own;
    if (!version || !like || variantOf(version) !== variantOf(like)) return [];
    // `2024.1.3` is no later `1.2.3`, unless all schemes are one.
    if (rules.scheme !== 'Any' && schemeOf(name, version) !== scheme) return [];
    return [{ tag, name, version }];
  });
  // Without a name for the line it is the minor version: others need not be examined.
  const isNamedLine = namedLine(manifest) !== undefined;
  const near = versions.filter(({ version }) => isNamedLine || minorOf(version) === minorOf(own));
  return near.toSorted((a, b) => compareNewestFirst(a.version, b.version));
}

function wholeVersion(tag: string, { suffix }: TagRules): TagVersion | undefined {
  const version = parseTagVersion(tag, suffix);
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
