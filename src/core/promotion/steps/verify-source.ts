import { blocked, type Step } from './step.ts';
import type { ImageTask, Learned, StepParts } from './task.ts';

/** The image has to satisfy the policies that the promotion names; what could not be learned blocks as well. */
export function verifySource({ judge }: Pick<StepParts, 'judge'>): Step<ImageTask, Learned> {
  return {
    name: 'verify source',
    run: async ({ image }, _, signal) => {
      const { verdict } = await judge(image, signal);
      signal.throwIfAborted();
      if (verdict.kind === 'allow' || verdict.kind === 'warn') return { status: 'succeeded' };
      const against = verdict.findings.find(({ effect }) => effect === 'deny');
      // A no without a reason is a no.
      if (!against) return blocked('PolicyBroken', 'the policies refuse it and do not say why');
      const policy = against.policy === '' ? '' : ` [policy ${against.policy}]`;
      return blocked(against.reason, `${against.found}; ${against.next}${policy}`);
    },
  };
}
