import type { HistoryBook } from './history-book.ts';
import type { MirrorSpec } from './schema.ts';
import { copyStep } from './steps/copy.ts';
import { flagStep } from './steps/flag.ts';
import { recordStep } from './steps/record.ts';
import { rememberStep } from './steps/remember.ts';
import type { Step } from './steps/step.ts';
import { tagStep } from './steps/tag.ts';
import type { ImageTask, Learned, StepParts } from './steps/task.ts';
import { verifyTargetStep } from './steps/verify-target.ts';

/** The steps of a mirror, in their order: the flag and the record are there before the tag makes the image visible. */
export function mirrorSteps(
  parts: StepParts & { readonly history?: HistoryBook },
  { quarantine, provenance, force, sign }: MirrorSpec,
): readonly Step<ImageTask, Learned>[] {
  const { history } = parts;
  return [
    copyStep(parts),
    ...(quarantine ? [flagStep(parts)] : []),
    ...(provenance ? [recordStep({ ...parts, sign })] : []),
    verifyTargetStep({ ...parts, thorough: false }),
    tagStep(parts),
    ...(history ? [rememberStep({ ...parts, history, force })] : []),
  ];
}
