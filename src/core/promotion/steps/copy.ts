import { copyGraph } from '../copy/copy.ts';
import type { PinnedRef } from '../../model/index.ts';
import { gatherGraph, type Gathered } from '../graph/gather.ts';
import { blocked, type Step } from './step.ts';
import type { ImageTask, Learned, StepParts } from './task.ts';

/** What {@link copyStep} works with. */
export type CopyParts = Pick<StepParts, 'spec' | 'source' | 'target' | 'progress'>;

/** Gathers an image with all that belongs to it by the rules of the promotion. */
export function gatherImage(
  image: PinnedRef,
  { spec, source }: Pick<StepParts, 'spec' | 'source'>,
  signal: AbortSignal,
): Promise<Gathered> {
  const { platforms, attachments, mirror } = spec;
  return gatherGraph({ image, source, platforms, attachments, kind: mirror ? 'mirror' : 'promote' }, signal);
}

/** Gathers the image with all that belongs to it, and brings it to the target, all but the tag. */
export function copyStep({ spec, source, target, progress }: CopyParts): Step<ImageTask, Learned> {
  return {
    name: 'copy',
    run: async ({ image, to, targetIsNew, planned: { tag } }, _, signal) => {
      const [gathered, isNew] = await Promise.all([
        gatherImage(image, { spec, source }, signal),
        targetIsNew(signal),
      ]);
      if (gathered.state === 'refused') return blocked(gathered.reason.code, gathered.reason.detail);
      const { graph } = gathered;
      progress.onExpected(
        tag,
        graph.blobs.reduce((sum, { size }) => sum + size, 0),
      );
      let reported = 0;
      const moved = await copyGraph(
        {
          graph,
          source,
          target,
          to,
          targetIsNew: isNew,
          onProgress: ({ bytes }) => {
            progress.onBytes(tag, bytes - reported);
            reported = bytes;
          },
        },
        signal,
      );
      return { status: 'succeeded', learned: { graph, moved } };
    },
  };
}
