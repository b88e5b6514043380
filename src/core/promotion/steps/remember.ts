import type { HistoryBook } from '../history-book.ts';
import type { Step } from './step.ts';
import type { ImageTask, Learned, StepParts } from './task.ts';

/** Writes the arrival into the history of the mirror, so that it is not pulled in again once it has been promoted and deleted. */
export function rememberStep({
  history,
  force,
  startedAt,
  run,
}: Pick<StepParts, 'startedAt' | 'run'> & {
  readonly history: HistoryBook;
  readonly force: boolean;
}): Step<ImageTask, Learned> {
  return {
    name: 'remember',
    run: async ({ image, planned: { tag, action } }, _, signal) => {
      if (history.has({ tag, digest: image.digest }) && (action === 'UpToDate' || !force))
        return { status: 'skipped' };
      const refused = await history.add(
        { sourceTag: tag, sourceDigest: image.digest, destTag: tag, syncedAt: startedAt, run, force },
        signal,
      );
      return refused ? { status: 'failed', reason: refused } : { status: 'succeeded' };
    },
  };
}
