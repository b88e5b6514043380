import * as z from 'zod';
import { rule, SEVERITIES } from '../../policy/index.ts';
import { conditions, count, digest, gateHash, objectName, stamp, tag, vulnerabilityId } from './parts.ts';
import { promotionSpecSchema } from './promotion.ts';

/** The result for one image in a run. */
export const DECISIONS = [
  'Mirrored',
  'Promoted',
  'UpToDate',
  'Skipped',
  'Blocked',
  'AwaitingApproval',
  'Failed',
  'Planned',
] as const;
/** Longest message of one image, in characters: 200 of them have to fit into a status. */
export const MAX_MESSAGE_LENGTH = 256;
/** How many of the findings that block an image are named; the report in the registry has them all. */
export const MAX_BLOCKING = 20;

/** A run in numbers. */
export const countsSchema = z.strictObject({
  candidates: count.describe('Tags that were selected, and repositories that could not be read.'),
  promoted: count.describe('Images that arrived, mirrored or promoted.'),
  upToDate: count.describe('Images that were there already.'),
  skipped: count.describe('Images that were left alone.'),
  blocked: count.describe('Images that a gate stopped.'),
  awaitingApproval: count.describe('Images that wait for a person.'),
  failed: count.describe('Images about which something broke.'),
});

export const imageMessage = z.string().max(MAX_MESSAGE_LENGTH);

const sparedSchema = z
  .strictObject({
    mounted: count.describe('From another repository of the same registry.'),
    skipped: count.describe('There already, or brought by another image.'),
  })
  .describe('Bytes that did not have to travel.');

/** The repository of an image, where a promotion takes from many. */
export const fromRepository = z
  .string()
  .max(255)
  .optional()
  .describe(
    'The repository at the source, where there are many; an entry of `source.repositories` that could not be read.',
  );

const targetTag = tag
  .optional()
  .describe('What the tag is called at the target, where it is called otherwise.');

/** One image of a run, as its status lists it. */
export const runImageSchema = z.strictObject({
  repository: fromRepository,
  tag: z
    .string()
    .max(128)
    .regex(/^(?:[A-Za-z0-9_][A-Za-z0-9_.-]*)?$/, 'is no tag')
    .describe('Empty for a row about a repository as a whole.'),
  targetTag,
  source: digest.optional().describe('Digest at the source; absent if it could not be resolved.'),
  target: digest.optional().describe('Digest at the target, where it is another one.'),
  decision: z.enum(DECISIONS),
  reason: z.string().max(64).optional().describe('A code of docs/reference/reasons.md.'),
  transient: z.boolean().optional().describe('Whether trying again may help, without any change.'),
  message: imageMessage.optional().describe('What was seen, for people.'),
  severity: z
    .strictObject({
      worst: z.enum(SEVERITIES).describe('The worst finding that counts.'),
      critical: count.optional(),
      high: count.optional(),
      medium: count.optional(),
      low: count.optional(),
      unknown: count.optional(),
    })
    .optional()
    .describe('What the report says, in short.'),
  blocking: z.array(vulnerabilityId).max(MAX_BLOCKING).optional().describe('Findings that block it.'),
  blockingCut: count.optional().describe('How many more of them there are.'),
  report: digest.optional().describe('The full report: a referrer of the image.'),
  overwrote: digest.optional().describe('The digest that lost the tag at the target.'),
  backup: tag.optional().describe('The tag under which that one stays.'),
  gateHash: gateHash.optional().describe('What the gates found; an approval names it.'),
  approvedBy: z.string().max(253).optional().describe('Who approved it.'),
  exceptionsUntil: stamp.optional().describe('When the first exception expires that let it pass.'),
  requests: count
    .optional()
    .describe(
      'Requests made to the two registries on its way, without those of policies, scanner and logins.',
    ),
  bytes: count.optional().describe('Bytes that travelled.'),
  spared: sparedSchema.optional(),
  blobs: z.strictObject({ mounted: count, copied: count, skipped: count }).optional(),
  attachments: z
    .strictObject({ found: count.describe('At the source.'), carried: count, leftByRule: count })
    .optional()
    .describe('Referrers and cosign tags.'),
  startTime: stamp.optional(),
  completionTime: stamp.optional(),
});

/** How many images the status of a run lists; the rest is counted. */
export const MAX_RUN_IMAGES = 200;

/** How many images one run may have to do something about: their pins have to fit into one object of etcd. */
export const MAX_PINS = 4_000;
/** Longest pin: a tag, three digests, a hash of the gates. */
const MAX_PIN_LENGTH = 700;
/** Longest sentence about a whole run; it names a repository. */
const MAX_MESSAGE = 1_024;
/** How many approvals a run remembers to have taken into account. */
export const MAX_CONSIDERED = 200;

/** The `spec` of an ImagePromotionRun. */
export const runSpecSchema = z
  .strictObject({
    promotion: z
      .strictObject({ name: objectName, uid: z.string().min(1).max(64), generation: z.int().min(0) })
      .describe('The ImagePromotion it carries out.'),
    trigger: z
      .enum(['Schedule', 'Manual', 'Event', 'Change', 'Retry'])
      .describe(
        'Why it was begun: the time had come, a person asked, a registry sent an event, the promotion changed, or the run before it failed by something that may pass.',
      ),
    attempt: count.default(0).describe('How many runs in a row failed before it, of which it is the retry.'),
    template: promotionSpecSchema.describe('The `spec` of the promotion as it was then.'),
  })
  .meta(rule('self == oldSelf', 'a run is never changed; begin another one'));

const plan = z.strictObject({
  candidates: count.describe('Tags that were selected, and repositories that could not be read.'),
  repositories: count.optional().describe('Repositories that were found, where there are many.'),
  leftOut: count.optional().describe('Tags that were left out by age or number.'),
  upToDate: count.describe('Images that are there already.'),
  work: count.describe('Images with something to do.'),
  nothing: z.string().max(MAX_MESSAGE).optional().describe('Why no tag is selected.'),
  overwrites: z.array(tag).max(20).optional().describe('Tags at the target that move, the first of them.'),
});

/** An image that is not done. */
const pendingImage = z.strictObject({
  repository: fromRepository,
  tag,
  targetTag,
  digest: digest.describe('Digest at the source.'),
  expected: digest.optional().describe('Digest that it will have at the target, where it is another one.'),
  atTarget: digest
    .optional()
    .describe('Digest that the tag has at the target; absent = there is no such tag.'),
  action: z
    .enum(['Move', 'Backup', 'Tidy'])
    .describe('What is to be done; Backup = moved, and the old image keeps a tag.'),
  gateHash: gateHash.optional().describe('What the gates found, where it waits for a person.'),
});

/** The `status` of an ImagePromotionRun. */
export const runStatusSchema = z.strictObject({
  phase: z.enum(['Pending', 'Running', 'Succeeded', 'Blocked', 'Failed']).optional().describe('For people.'),
  conditions: conditions(
    'For programs: Resolved, GatesPassed, Approved, Copied, Recorded; at the end Complete or Failed is True.',
  ),
  startTime: stamp.optional(),
  resumeTime: stamp.optional().describe('When it went on after an approval; its timeout counts from here.'),
  completionTime: stamp.optional(),
  retryable: z.boolean().optional().describe('Whether another run may do better without any change.'),
  claim: z
    .strictObject({
      holder: z.string().max(253).describe('Who carries it out; empty = no one.'),
      epoch: count.describe('Goes up with every holder; a holder of an older one writes no more.'),
      renewTime: stamp.describe('Last sign of life. Others compare it with nothing but itself.'),
      durationSeconds: count.describe('How long others wait after the last sign of life that they saw.'),
    })
    .optional()
    .describe('Who has the run.'),
  pins: z
    .array(z.string().max(MAX_PIN_LENGTH))
    .max(MAX_PINS)
    .optional()
    .describe('Images that are not done, in an older form that is only read; `pending` replaces it.'),
  pending: z.array(pendingImage).max(MAX_PINS).optional().describe('Images that are not done.'),
  considered: z
    .array(z.string().max(64))
    .max(MAX_CONSIDERED)
    .optional()
    .describe('Approvals that were taken into account, by their uid, the last of them.'),
  waitsUntil: stamp
    .optional()
    .describe('Until when nothing new is begun, because a registry limits how much is asked of it.'),
  plan: plan.optional().describe('What was to be done, before the first step.'),
  counts: countsSchema.optional().describe('What came of it, over all images.'),
  images: z
    .array(runImageSchema)
    .max(MAX_RUN_IMAGES)
    .optional()
    .describe('The images that there is most to say about.'),
  cut: count.optional().describe('How many images are not among them.'),
  requests: count.optional().describe('Requests of all its images together.'),
  bytes: count.optional().describe('Bytes that travelled.'),
  spared: sparedSchema.optional(),
});
