import { formatReference, pin } from '../../model/index.ts';
import type { Descriptor, Digest, ImageRef, PinnedRef } from '../../model/index.ts';
import { orFault } from '../concurrency.ts';
import { copyGraph, verifyTarget } from '../copy/copy.ts';
import { gatherGraph, type Gathered } from '../graph/gather.ts';
import { leftLayers, type Graph } from '../graph/graph.ts';
import { short } from '../plan.ts';
import { alsoLeft, blocked, step } from './step.ts';
import type { Step, StepOutcome, StepParts, TagSeen } from './step.ts';

/** Gathers an image with all that belongs to it by the rules of the promotion. */
export function gatherImage(
  image: PinnedRef,
  { spec, source, sourceTags }: Pick<StepParts, 'spec' | 'source' | 'sourceTags'>,
  signal: AbortSignal,
): Promise<Gathered> {
  const { platforms, attachments, mirror, foreignLayers } = spec;
  const kind = mirror ? 'mirror' : 'promote';
  const rules = { platforms, attachments, kind, foreignLayers } as const;
  return gatherGraph({ image, source, ...rules, listTags: sourceTags }, signal);
}

/** What is written about an image before the target has any of it. */
export type BeforeCopy = (graph: Graph, to: ImageRef, signal: AbortSignal) => Promise<void>;

/** How an image is brought. */
interface CopyOrder {
  /** What is written before. */
  readonly before?: BeforeCopy | undefined;
  /** Nothing is written about the image before its tag: then the tag is read while the last blobs arrive, and brings the image. */
  readonly tagIsNext: boolean;
}

/** Gathers the image with all that belongs to it, and brings it to the target, all but the tag. */
export function copyStep(parts: StepParts, { before, tagIsNext }: CopyOrder): Step {
  const { source, target, progress } = parts;
  return step('copy', async ({ image, to, targetIsNew: isNew, planned }, learned, signal) => {
    const { tag } = planned;
    const [gathered, targetIsNew] = await Promise.all([gatherImage(image, parts, signal), isNew(signal)]);
    if (gathered.state === 'refused') return blocked(gathered.reason.code, gathered.reason.detail);
    const { graph } = gathered;
    const refused = parts.spec.foreignLayers === 'Refuse' ? foreignIn(graph.foreign) : undefined;
    if (refused !== undefined) return blocked('ForeignLayers', `${refused}, and foreignLayers is Refuse`);
    const expected = graph.blobs.reduce((sum, { size }) => sum + size, 0);
    progress.onExpected(tag, expected);
    let reported = 0;
    const onProgress = ({ bytes }: { readonly bytes: number }): void => {
      progress.onBytes(tag, bytes - reported);
      reported = bytes;
    };
    const isMoved = planned.action !== 'UpToDate';
    if (isMoved) await before?.(graph, to, signal);
    let tagSeen: TagSeen | undefined;
    const beforeTag = async (until: AbortSignal): Promise<void> => {
      tagSeen = await seeTag(parts, to, until);
    };
    const order = { graph, source, target, to, targetIsNew, onProgress };
    const moved = await copyGraph({ ...order, ...(isMoved && tagIsNext && { beforeTag }) }, signal);
    const elsewhere = foreignIn(leftLayers(graph));
    const left = moved.keptTags.map((one) => `${one} stays as it is, the target does not let it be replaced`);
    if (moved.refused[0] !== undefined)
      left.push(
        `the target does not take the artifact manifest ${short(moved.refused[0])}, which stays behind`,
      );
    if (elsewhere !== undefined) left.push(`${elsewhere}, and not copied: foreignLayers: Copy brings them`);
    return { status: 'succeeded', learned: { graph, moved, tagSeen, ...alsoLeft(learned, left) } };
  });
}

/** Names layers of an image that lie outside of its registry; `undefined` where there are none. */
function foreignIn([first, ...more]: readonly Descriptor[]): string | undefined {
  if (first === undefined) return undefined;
  const others = more.length > 0 ? ` and ${more.length} more` : '';
  return `foreign layers (${short(first.digest)}${others}) are fetched outside of its registry`;
}

/**
 * Milliseconds for which a tag counts as it was read: what the requests take that were under way meanwhile. Another client that moves
 * it in this time, or between a read and the push that follows, is overwritten: registries have no push that compares.
 */
const TAG_SEEN_MS = 1_000;

/** Reads the tag ahead of its push; `undefined` where that fails, and it is read again. */
function seeTag(
  { target, clock }: Pick<StepParts, 'target' | 'clock'>,
  to: ImageRef,
  signal: AbortSignal,
): Promise<TagSeen | undefined> {
  const at = clock();
  const read = target.tagDigest(to, signal).then((digest) => ({ digest, at }));
  return orFault(read, () => undefined, signal);
}

function isRecent({ at }: TagSeen, { clock }: Pick<StepParts, 'clock'>): boolean {
  const age = clock().getTime() - at.getTime();
  return age >= 0 && age <= TAG_SEEN_MS;
}

/**
 * Counts again at the target what was carried there; less than was found is a failure. The tag is read at the same time, unless it
 * was just now.
 */
export function verifyTargetStep(parts: StepParts, thorough: boolean): Step {
  const { target } = parts;
  return step('verify target', async ({ to, planned }, { graph, moved, tagSeen: seen }, signal) => {
    if (!graph) throw new Error('nothing was copied that could be verified');
    const isKnown = planned.action === 'UpToDate' || (seen !== undefined && isRecent(seen, parts));
    const [{ counts, reason }, tagSeen] = await Promise.all([
      verifyTarget({ graph, target, to, thorough, moved }, signal),
      isKnown ? seen : seeTag(parts, to, signal),
    ]);
    const learned = { counts, tagSeen };
    return reason ? { status: 'failed', reason, learned } : { status: 'succeeded', learned };
  });
}

/**
 * Moves the tag, the last thing that makes an image visible. If another client moved it meanwhile, that stays: the plan was made
 * for another target. The image that loses the tag gets its backup first.
 */
export function tagStep(parts: StepParts): Step {
  const { target } = parts;
  return step('tag', async ({ planned, to }, { graph, tagSeen: seen }, signal) => {
    if (!graph) throw new Error('nothing was copied that could be tagged');
    const now = seen && isRecent(seen, parts) ? seen.digest : await target.tagDigest(to, signal);
    if (now === graph.root.manifest.digest) return { status: 'skipped' };
    const { overwrites: before, backup } =
      planned.action === 'Move' ? planned : { overwrites: planned.atTarget };
    if (now !== before) return blocked('TargetMoved', moved(planned.tag, before, now));
    if (backup !== undefined && before !== undefined) {
      const content = await target.content(pin(to, before), signal);
      // Gone between two requests: there is nothing left to keep, and the tag is ours.
      if (content) await target.pushManifest({ ...to, tag: backup }, content, signal);
    }
    await target.pushManifest(to, graph.root, signal);
    return tagged(await target.tagDigest(to, signal), { before, expected: graph.root.manifest.digest, to });
  });
}

/** What came of a tag: a registry may confirm one that it did not store, or another client may have moved it since. */
function tagged(
  now: Digest | undefined,
  { before, expected, to }: { readonly before?: Digest; readonly expected: Digest; readonly to: ImageRef },
): StepOutcome {
  if (now === expected) return { status: 'succeeded' };
  if (now !== undefined && now !== before)
    return blocked('TargetMoved', `${to.tag} was set to ${short(expected)} and is ${short(now)} now`);
  const detail = `${formatReference(to)} was confirmed and does not have the digest that was pushed`;
  return { status: 'failed', reason: { code: 'CopyIncomplete', detail } };
}

function moved(tag: string, before: Digest | undefined, now: Digest | undefined): string {
  const was = before === undefined ? 'was not there' : `was ${short(before)}`;
  const is = now === undefined ? 'is gone' : `is ${short(now)}`;
  return `${tag} ${was} when the run began and ${is} now; run again to decide anew`;
}
