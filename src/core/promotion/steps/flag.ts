import { subjectOf } from '../records/artifact.ts';
import { findQuarantineFlag, quarantineFlag } from '../records/quarantine-flag.ts';
import type { Step } from './step.ts';
import type { ImageTask, Learned, StepParts } from './task.ts';
import { attach, referrersAt, rootOf } from './place.ts';

/** Flags the image as quarantined before its tag makes it visible. */
export function flagStep({
  target,
  startedAt,
}: Pick<StepParts, 'target' | 'startedAt'>): Step<ImageTask, Learned> {
  return {
    name: 'flag',
    run: async ({ to }, learned, signal) => {
      const about = rootOf(learned);
      const place = { target, to, about };
      if (findQuarantineFlag(await referrersAt(place, signal))) return { status: 'skipped' };
      await attach(place, quarantineFlag(subjectOf(about), startedAt), signal);
      return { status: 'succeeded' };
    },
  };
}
