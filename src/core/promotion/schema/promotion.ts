import * as z from 'zod';
import { duration, durationMs } from '../../policy/index.ts';
import { scanSchema, signSchema } from './gates.ts';
import { localRef, objectName } from './parts.ts';
import { attachmentsSchema, platformsSchema, tagsSchema } from './selection.ts';

const side = z.strictObject({
  repository: z.string().min(1).max(255).describe('Host and repository, without tag and digest.'),
  secretRef: localRef
    .optional()
    .describe('A Secret of the same namespace, of type `kubernetes.io/dockerconfigjson`, with the login.'),
  serviceAccountName: objectName
    .optional()
    .describe('A ServiceAccount of the same namespace whose `imagePullSecrets` hold the login.'),
  caSecretRef: localRef
    .optional()
    .describe(
      'A Secret of the same namespace whose `ca.crt` is trusted besides the authorities of the system.',
    ),
  insecure: z.boolean().default(false).describe('Speak http with this registry.'),
});

const mirror = z.strictObject({
  quarantine: z.boolean().default(true).describe('Flag every image as quarantined when it arrives.'),
  provenance: z
    .boolean()
    .default(true)
    .describe('Attach a statement of where the image was taken from, when, and by which run.'),
  history: z
    .boolean()
    .default(true)
    .describe('Keep a list of what was mirrored, so that what was deleted since is not pulled in again.'),
  force: z.boolean().default(false).describe('Pull it in again all the same.'),
  sign: signSchema.optional().describe('Who signs the statement; absent = no one.'),
});

const promote = z.strictObject({
  policies: z
    .array(objectName)
    .max(16)
    .default([])
    .describe('ImagePolicies that the source must satisfy; whether it is quarantined is not asked.'),
  scan: scanSchema.optional().describe('The scan that it has to pass.'),
  approval: z
    .enum(['Never', 'Always', 'OnBlock'])
    .default('Never')
    .describe('When a PromotionApproval is waited for. OnBlock: it waives what it names.'),
  attach: z
    .strictObject({ report: z.boolean().default(true).describe('The report of the scan.') })
    .default({ report: true })
    .describe('What is attached to the image at the target.'),
  sign: signSchema.optional().describe('Who signs the image and the release statement; absent = no one.'),
  supersede: z
    .strictObject({ endOfLifeAfter: duration.describe('How long they have left.') })
    .optional()
    .describe('Mark older images of the same line with an end of life.'),
  deleteSource: z
    .boolean()
    .default(false)
    .describe('Delete the image at the source afterwards, unless another tag points to it.'),
});

const RULES = {
  oneKind: {
    rule: '[has(self.mirror), has(self.promote)].filter(x, x).size() == 1',
    message: 'needs exactly one of mirror, promote',
  },
  twoPlaces: {
    rule: 'self.source.repository != self.target.repository',
    message: 'source and target are the same repository',
  },
  someTime: { rule: "duration(self.timeout) > duration('0s')", message: 'timeout leaves no time' },
};

/** The `spec` of an ImagePromotion. */
export const promotionSpecSchema = z
  .strictObject({
    source: side.describe('Where images come from.'),
    target: side.describe('Where they go; tags keep their names.'),
    tags: tagsSchema.describe('Which tags.'),
    platforms: platformsSchema
      .default({ keep: [], missing: 'Fail' })
      .describe('Which platforms of an image.'),
    attachments: attachmentsSchema
      .default({ carry: 'All', artifactTypes: [], lifecycle: false, late: false })
      .describe('Signatures, SBOMs and whatever else belongs to an image.'),
    onTagExists: z
      .enum(['Overwrite', 'Skip', 'Fail', 'Backup'])
      .default('Overwrite')
      .describe(
        'When the tag is at the target with another digest. Backup: the old image is kept under another tag.',
      ),
    mirror: mirror.optional().describe('Bring images in from elsewhere.'),
    promote: promote.optional().describe('Let images go on that pass the gates.'),
    schedule: z
      .string()
      .min(1)
      .max(128)
      .optional()
      .describe(
        'When to run, as cron writes it: `0 3 * * *`. Absent: only when it changes, is requested, or is triggered by an event.',
      ),
    timeZone: z.string().min(1).max(64).default('Etc/UTC').describe('Time zone of the schedule.'),
    suspend: z.boolean().default(false).describe('Begin no run.'),
    dryRun: z.boolean().default(false).describe('Plan only; nothing is written to a registry.'),
    timeout: duration.default('30m').describe('How long one run may take.'),
    historyLimits: z
      .strictObject({
        succeeded: z.int().min(0).max(100).default(3).describe('Runs that succeeded.'),
        failed: z.int().min(0).max(100).default(5).describe('Runs that were blocked or failed.'),
      })
      .default({ succeeded: 3, failed: 5 })
      .describe('How many runs that are over are kept.'),
    maxParallelImages: z.int().min(1).max(16).default(4).describe('How many images at a time.'),
  })
  .refine(({ mirror, promote }) => (mirror === undefined) !== (promote === undefined), RULES.oneKind.message)
  .refine(({ source, target }) => source.repository !== target.repository, {
    path: ['target', 'repository'],
    message: RULES.twoPlaces.message,
  })
  .refine(({ timeout }) => durationMs(timeout) > 0, { path: ['timeout'], message: RULES.someTime.message })
  .meta({ 'x-kubernetes-validations': Object.values(RULES) });
