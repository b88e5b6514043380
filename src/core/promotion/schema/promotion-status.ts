import * as z from 'zod';
import { conditions, count, digest, stamp, tag } from './parts.ts';
import {
  countsSchema,
  DECISIONS,
  fromRepository,
  imageMessage,
  MAX_RUN_IMAGES,
  runImageSchema,
} from './run.ts';

/** How many images at the target are watched for exceptions that expire, and named when they would be blocked. */
export const MAX_WATCHED = 100;
/** Longest line of a gate, in characters: a field of the spec with a repository. */
export const MAX_GATE_LENGTH = 384;
/** Most lines of gates: 256 exceptions, and every other field of a promotion. */
export const MAX_GATES = 400;
/** How many decisions the status of a promotion remembers. */
export const MAX_RECENT = 10;

/** The `status` of an ImagePromotion. */
export const promotionStatusSchema = z.strictObject({
  observedGeneration: count.optional().describe('Generation that this is about.'),
  conditions: conditions(
    'Ready: it is as wanted. Reconciling: it is being worked on. Stalled: a person has to act. Flagged: something at the target would be blocked today.',
  ),
  lastRunTime: stamp.optional().describe('When the last run began.'),
  nextRunTime: stamp.optional().describe('When the next run begins by the schedule.'),
  lastSuccessfulTime: stamp.optional().describe('When a run last ended well.'),
  lastHandledReconcileAt: z
    .string()
    .max(64)
    .optional()
    .describe('Value of the annotation that asked last and was answered.'),
  counts: countsSchema.optional().describe('What the last run came to.'),
  repositories: count.optional().describe('Repositories that the last run found, where there are many.'),
  activeRun: z.string().max(253).optional().describe('Name of the run that is under way.'),
  lastRun: z
    .strictObject({
      name: z.string().max(253),
      generation: count.describe('Generation of the promotion that it carried out.'),
      completionTime: stamp.describe('When it ended.'),
    })
    .optional()
    .describe('The run that counts and decisions are about.'),
  told: z
    .array(z.string().max(16))
    .max(MAX_RUN_IMAGES)
    .optional()
    .describe('Fingerprints of the decisions that events have reported.'),
  exceptions: z
    .array(z.strictObject({ repository: fromRepository, tag, digest, until: stamp }))
    .max(MAX_WATCHED)
    .optional()
    .describe('Images that an exception let pass, soonest to expire first.'),
  flagged: z
    .array(z.strictObject({ repository: fromRepository, tag, digest, reason: z.string().max(64) }))
    .max(MAX_WATCHED)
    .optional()
    .describe('Images at the target that would be blocked today.'),
  flaggedCut: count.optional().describe('How many more of them there are.'),
  lastJudgement: z
    .strictObject({
      time: stamp.describe('When it ended.'),
      judged: count.describe('Images that were judged.'),
      unknown: count.describe('Images that could not be judged.'),
      reason: z.string().max(64).optional().describe('Why not, a code of docs/reference/reasons.md.'),
      message: imageMessage.optional().describe('Why not, for people.'),
    })
    .optional()
    .describe('When what is at the target was last judged again, by the newest signed reports there.'),
  gates: z
    .array(z.string().max(MAX_GATE_LENGTH))
    .max(MAX_GATES)
    .optional()
    .describe(
      'The gates as they were read last, `field=value`. What weakens one of them is reported by an event `GateWeakened`.',
    ),
  recent: z
    .array(
      z.strictObject({
        repository: fromRepository,
        tag: runImageSchema.shape.tag,
        digest: digest.optional(),
        decision: z.enum(DECISIONS),
        reason: z.string().max(64).optional().describe('A code of docs/reference/reasons.md.'),
        message: imageMessage.optional(),
        run: z.string().max(253).describe('Name of the run.'),
        time: stamp,
      }),
    )
    .max(MAX_RECENT)
    .optional()
    .describe('The last decisions that were new, newest first.'),
});
