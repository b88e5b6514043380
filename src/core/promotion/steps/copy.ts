import type { Descriptor, ImageRef, PinnedRef } from '../../model/index.ts';
import { copyGraph, verifyTarget } from '../copy/copy.ts';
import { gatherGraph, type Gathered } from '../graph/gather.ts';
import { leftLayers, type Graph } from '../graph/graph.ts';
import { short } from '../plan.ts';
import { alsoLeft, blocked, step } from './step.ts';
import type { Step, StepParts, TagSeen } from './step.ts';
import { isRecent, seeTag } from './tag.ts';

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

/** What is written about an image before the target has any of its manifests. */
export type BeforeCopy = (graph: Graph, to: ImageRef, signal: AbortSignal) => Promise<void>;

/** How an image is brought. */
interface CopyOrder {
  /** What is written before any of its manifests. */
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
    let tagSeen: TagSeen | undefined;
    const beforeTag = async (until: AbortSignal): Promise<void> => {
      tagSeen = await seeTag(parts, to, until);
    };
    const moved = await copyGraph(
      {
        ...{ graph, source, target, to, targetIsNew, onProgress },
        ...(isMoved && before && { first: (until) => before(graph, to, until) }),
        ...(isMoved && tagIsNext && { beforeTag }),
      },
      signal,
    );
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
