import { verifyTarget } from '../copy/verify-target.ts';
import type { Step } from './step.ts';
import type { ImageTask, Learned, StepParts } from './task.ts';

/** Counts again at the target what was carried there; less than was found is a failure. */
export function verifyTargetStep({
  target,
  thorough,
}: Pick<StepParts, 'target'> & { readonly thorough: boolean }): Step<ImageTask, Learned> {
  return {
    name: 'verify target',
    run: async ({ to }, { graph }, signal) => {
      if (!graph) throw new Error('nothing was copied that could be verified');
      const arrived = await verifyTarget({ graph, target, to, thorough }, signal);
      const learned = { counts: arrived.counts };
      return arrived.state === 'complete'
        ? { status: 'succeeded', learned }
        : { status: 'failed', reason: arrived.reason, learned };
    },
  };
}
