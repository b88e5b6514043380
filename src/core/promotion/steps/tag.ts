import { formatReference, pin, type Digest, type ImageRef } from '../../model/index.ts';
import { orFault } from '../concurrency.ts';
import { short, tagAtTarget } from '../plan.ts';
import { blocked, step, type Step, type StepOutcome, type StepParts, type TagSeen } from './step.ts';

/**
 * Milliseconds for which a tag counts as it was read: what the requests take that were under way meanwhile. Another client that moves
 * it in this time, or between a read and the push that follows, is overwritten: registries have no push that compares.
 */
const TAG_SEEN_MS = 1_000;

/** Reads the tag ahead of its push; `undefined` where that fails, and it is read again. */
export function seeTag(
  { target, clock }: Pick<StepParts, 'target' | 'clock'>,
  to: ImageRef,
  signal: AbortSignal,
): Promise<TagSeen | undefined> {
  const at = clock();
  const read = target.tagDigest(to, signal).then((digest) => ({ digest, at }));
  return orFault(read, () => undefined, signal);
}

/** Whether a tag still counts as it was read. */
export function isRecent({ at }: TagSeen, { clock }: Pick<StepParts, 'clock'>): boolean {
  const age = clock().getTime() - at.getTime();
  return age >= 0 && age <= TAG_SEEN_MS;
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
    if (now !== before) return blocked('TargetMoved', moved(tagAtTarget(planned), before, now));
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
