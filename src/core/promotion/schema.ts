import * as z from 'zod';
import { API_VERSION, rule } from '../policy/index.ts';
import { digest, gateHash, list, momentText, objectName, vulnerabilityId } from './schema/parts.ts';
import type { promotionStatusSchema } from './schema/promotion-status.ts';
import { promotionSpecSchema } from './schema/promotion.ts';
import { runSpecSchema, type runImageSchema, type runStatusSchema } from './schema/run.ts';

/*
 * The resources of promotion, written once: types, CRDs with their CEL rules and reference pages are made from these. What
 * neither zod nor CEL can see (a range, a pattern, a schedule that cannot be read) is found by `parse.ts`.
 */

/** An object of a namespace; what else its metadata hold is the API server's. */
const metadata = z.looseObject({
  name: objectName,
  namespace: z.string().min(1).max(63).optional(),
  uid: z.string().max(64).optional(),
  generation: z.int().min(0).optional(),
});

const resource = <const K extends string, S extends z.ZodType>(kind: K, spec: S) =>
  z.object({ apiVersion: z.literal(API_VERSION), kind: z.literal(kind), metadata, spec });

/** An ImagePromotion as a person writes it. */
export const imagePromotionSchema = resource('ImagePromotion', promotionSpecSchema);
/** An ImagePromotionRun as the controller writes it. */
export const imagePromotionRunSchema = resource('ImagePromotionRun', runSpecSchema);
/** How many findings one approval can waive. */
export const MAX_WAIVED = 256;

/** The `spec` of a PromotionApproval. */
export const approvalSpecSchema = z
  .strictObject({
    runName: objectName.describe('The ImagePromotionRun that waited, or was blocked.'),
    runUID: z
      .string()
      .min(1)
      .max(64)
      .optional()
      .describe('The UID of that run. `gateHash` depends on it as well; named here, it can be read.'),
    digest: digest.describe('The image: its digest at the source, and no other.'),
    gateHash: gateHash
      .regex(/^sha256:[a-f0-9]{64}$/, 'is no hash of gates; copy it from the status of the run')
      .describe(
        'What the run was asked to do and what the gates had found, as the run reports it. It is another one for every other run, tag, target, gate, policy or finding.',
      ),
    approver: z
      .string()
      .min(1)
      .max(253)
      .describe('Who decides. An admission policy lets only your own name pass.'),
    decision: z.enum(['Approve', 'Deny']).describe('Deny is stronger than any Approve.'),
    waive: list(
      vulnerabilityId,
      MAX_WAIVED,
      'Findings that are accepted. Findings that are not named here still block.',
    ),
    reason: z.string().min(1).max(512).describe('Why; it stands in the release statement.'),
    until: momentText.describe('Last day (UTC) or moment it holds.'),
  })
  .meta(rule('self == oldSelf', 'an approval is never changed; delete it and write another one'));

/** A PromotionApproval as a person writes it. */
export const promotionApprovalSchema = resource('PromotionApproval', approvalSpecSchema);

/** What flows from where to where, under which gates; defaults filled in. */
export type ImagePromotion = z.output<typeof imagePromotionSchema>;
/** The `spec` of an {@link ImagePromotion}. */
export type ImagePromotionSpec = ImagePromotion['spec'];
/** Source or target of a promotion. */
export type PromotionSide = ImagePromotionSpec['source'];
/** Which tags are meant. */
export type TagSelection = ImagePromotionSpec['tags'];
/** What a mirror does besides copying. */
export type MirrorSpec = NonNullable<ImagePromotionSpec['mirror']>;
/** The gates of a promotion, and what follows them. */
export type PromoteSpec = NonNullable<ImagePromotionSpec['promote']>;
/** The scan that an image has to pass. */
export type ScanSpec = NonNullable<PromoteSpec['scan']>;
/** Who signs, and how it is written. */
export type SignSpec = NonNullable<PromoteSpec['sign']>;
/** The `status` of an {@link ImagePromotion}. */
export type ImagePromotionStatus = z.output<typeof promotionStatusSchema>;

/** One execution of a promotion. */
export type ImagePromotionRun = z.output<typeof imagePromotionRunSchema>;
/** The `spec` of an {@link ImagePromotionRun}. */
export type ImagePromotionRunSpec = ImagePromotionRun['spec'];
/** The `status` of an {@link ImagePromotionRun}. */
export type ImagePromotionRunStatus = z.output<typeof runStatusSchema>;
/** One image in that status. */
export type RunImage = z.output<typeof runImageSchema>;
/** The result for one image. */
export type ImageDecision = RunImage['decision'];

/** A person's yes or no about one digest and what the gates found. */
export type PromotionApproval = z.output<typeof promotionApprovalSchema>;
/** The `spec` of a {@link PromotionApproval}. */
export type PromotionApprovalSpec = PromotionApproval['spec'];
