import * as z from 'zod';
import { API_VERSION } from '../policy/index.ts';
import {
  approvalSpecSchema,
  runSpecSchema,
  type runStatusSchema,
  type runImageSchema,
} from './schema/run.ts';
import { objectName } from './schema/parts.ts';
import type { promotionStatusSchema } from './schema/promotion-status.ts';
import { promotionSpecSchema } from './schema/promotion.ts';

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

/** An ImagePromotion as a person writes it. */
export const imagePromotionSchema = z.object({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal('ImagePromotion'),
  metadata,
  spec: promotionSpecSchema,
});

/** An ImagePromotionRun as the controller writes it. */
export const imagePromotionRunSchema = z.object({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal('ImagePromotionRun'),
  metadata,
  spec: runSpecSchema,
});

/** A PromotionApproval as a person writes it. */
export const promotionApprovalSchema = z.object({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal('PromotionApproval'),
  metadata,
  spec: approvalSpecSchema,
});

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
