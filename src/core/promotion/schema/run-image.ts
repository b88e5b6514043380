import * as z from 'zod';
import { SEVERITIES } from '../../policy/index.ts';
import { count, digest, gateHash, stamp, tag, vulnerabilityId } from './parts.ts';

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
  candidates: count.describe('Tags that were selected.'),
  promoted: count.describe('Images that arrived, mirrored or promoted.'),
  upToDate: count.describe('Images that were there already.'),
  skipped: count.describe('Images that were left alone.'),
  blocked: count.describe('Images that a gate stopped.'),
  awaitingApproval: count.describe('Images that wait for a person.'),
  failed: count.describe('Images about which something broke.'),
});

export const imageMessage = z.string().max(MAX_MESSAGE_LENGTH);

export const sparedSchema = z
  .strictObject({
    mounted: count.describe('From another repository of the same registry.'),
    skipped: count.describe('There already, or brought by another image.'),
  })
  .describe('Bytes that did not have to travel.');

/** One image of a run, as its status lists it. */
export const runImageSchema = z.strictObject({
  tag,
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
    .strictObject({
      found: count.describe('At the source.'),
      carried: count,
      leftByRule: count,
    })
    .optional()
    .describe('Referrers and cosign tags.'),
  startTime: stamp.optional(),
  completionTime: stamp.optional(),
});
