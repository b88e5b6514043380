import type { ImageRef } from '../model/index.ts';
import { exceptionsOf } from './gates/exceptions.ts';
import type { TargetRegistry } from './ports.ts';
import { approveStep } from './steps/approve.ts';
import { attachStep } from './steps/attach.ts';
import { copyStep } from './steps/copy.ts';
import { deleteSourceStep } from './steps/delete-source.ts';
import { scanStep } from './steps/scan.ts';
import { signStep } from './steps/sign.ts';
import type { Step } from './steps/step.ts';
import { supersedeStep } from './steps/supersede.ts';
import { tagStep } from './steps/tag.ts';
import type { ImageTask, Learned, StepParts } from './steps/task.ts';
import { verifySource } from './steps/verify-source.ts';
import { verifyTargetStep } from './steps/verify-target.ts';
import type { PromoteSpec } from './schema.ts';

/** What the steps of a promotion work with: the source may have to be written to, for it may have to go. */
export interface PromoteParts extends StepParts {
  readonly source: TargetRegistry;
  /** Repository of the source. */
  readonly from: ImageRef;
}

/** The steps of a promotion, in their order: gates, then all that is invisible without a tag, the tag, and tidying. */
export function promoteSteps(parts: PromoteParts, promote: PromoteSpec): readonly Step<ImageTask, Learned>[] {
  const { policies, scan, approval, attach, sign, supersede, deleteSource } = promote;
  return [
    ...(policies.length > 0 ? [verifySource(parts)] : []),
    ...(scan ? [scanStep({ ...parts, scan, exceptions: exceptionsOf(scan, parts.from) })] : []),
    ...(scan || approval !== 'Never' ? [approveStep(approval, parts)] : []),
    copyStep(parts),
    ...(scan && attach.report ? [attachStep({ ...parts, scan, promote })] : []),
    ...(sign ? [signStep({ ...parts, sign, promote })] : []),
    verifyTargetStep({ ...parts, thorough: deleteSource }),
    tagStep(parts),
    ...(supersede ? [supersedeStep(parts, supersede)] : []),
    ...(deleteSource ? [deleteSourceStep(parts)] : []),
  ];
}
