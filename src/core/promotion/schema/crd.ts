import {
  customResourceDefinition,
  type ResourceKind,
  type SchemaNode,
  referencePage,
} from '../../policy/index.ts';
import { approvalSpecSchema } from '../schema.ts';
import { runSpecSchema, runStatusSchema } from './run.ts';
import { promotionStatusSchema } from './promotion-status.ts';
import { promotionSpecSchema } from './promotion.ts';

const READY = '.status.conditions[?(@.type=="Ready")]';
const AGE = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };

/** ImagePromotion as a kind of the Kubernetes API. */
export const IMAGE_PROMOTION_KIND: ResourceKind = {
  kind: 'ImagePromotion',
  plural: 'imagepromotions',
  scope: 'Namespaced',
  shortNames: ['ipr'],
  description: 'ImagePromotion says which images flow from where to where, under which gates.',
  columns: [
    { name: 'Source', type: 'string', jsonPath: '.spec.source.repository' },
    { name: 'Target', type: 'string', jsonPath: '.spec.target.repository' },
    { name: 'Ready', type: 'string', jsonPath: `${READY}.status` },
    { name: 'Promoted', type: 'integer', jsonPath: '.status.counts.promoted' },
    { name: 'Blocked', type: 'integer', jsonPath: '.status.counts.blocked' },
    { name: 'Last Run', type: 'date', jsonPath: '.status.lastRunTime' },
    AGE,
    { name: 'Schedule', type: 'string', jsonPath: '.spec.schedule', priority: 1 },
    { name: 'Suspended', type: 'boolean', jsonPath: '.spec.suspend', priority: 1 },
    { name: 'Message', type: 'string', jsonPath: `${READY}.message`, priority: 1 },
  ],
  spec: promotionSpecSchema,
  status: promotionStatusSchema,
};

/** ImagePromotionRun as a kind of the Kubernetes API. */
export const IMAGE_PROMOTION_RUN_KIND: ResourceKind = {
  kind: 'ImagePromotionRun',
  plural: 'imagepromotionruns',
  scope: 'Namespaced',
  shortNames: ['iprr'],
  description: 'ImagePromotionRun is one execution of an ImagePromotion; made by the controller.',
  columns: [
    { name: 'Promotion', type: 'string', jsonPath: '.spec.promotion.name' },
    { name: 'Phase', type: 'string', jsonPath: '.status.phase' },
    { name: 'Promoted', type: 'integer', jsonPath: '.status.counts.promoted' },
    { name: 'Blocked', type: 'integer', jsonPath: '.status.counts.blocked' },
    { name: 'Failed', type: 'integer', jsonPath: '.status.counts.failed' },
    AGE,
    { name: 'Trigger', type: 'string', jsonPath: '.spec.trigger', priority: 1 },
    { name: 'Up To Date', type: 'integer', jsonPath: '.status.counts.upToDate', priority: 1 },
    { name: 'Waiting', type: 'integer', jsonPath: '.status.counts.awaitingApproval', priority: 1 },
    { name: 'Holder', type: 'string', jsonPath: '.status.claim.holder', priority: 1 },
  ],
  spec: runSpecSchema,
  status: runStatusSchema,
};

/** PromotionApproval as a kind of the Kubernetes API. */
export const PROMOTION_APPROVAL_KIND: ResourceKind = {
  kind: 'PromotionApproval',
  plural: 'promotionapprovals',
  scope: 'Namespaced',
  shortNames: ['ipa'],
  description:
    'PromotionApproval is the yes or no of a person about one digest and what the gates found in it.',
  columns: [
    { name: 'Run', type: 'string', jsonPath: '.spec.runName' },
    { name: 'Decision', type: 'string', jsonPath: '.spec.decision' },
    { name: 'Approver', type: 'string', jsonPath: '.spec.approver' },
    { name: 'Until', type: 'string', jsonPath: '.spec.until' },
    AGE,
    { name: 'Digest', type: 'string', jsonPath: '.spec.digest', priority: 1 },
    { name: 'Reason', type: 'string', jsonPath: '.spec.reason', priority: 1 },
  ],
  spec: approvalSpecSchema,
};

/** The kinds of promotion, in the order in which people meet them. */
export const PROMOTION_KINDS: readonly ResourceKind[] = [
  IMAGE_PROMOTION_KIND,
  IMAGE_PROMOTION_RUN_KIND,
  PROMOTION_APPROVAL_KIND,
];

/** The CustomResourceDefinition of each kind of promotion, by its plural name: what `crds/` holds, as plain objects. */
export function promotionCrds(): ReadonlyMap<string, SchemaNode> {
  return new Map(PROMOTION_KINDS.map((kind) => [kind.plural, customResourceDefinition(kind)]));
}

/** The reference pages of promotion in Markdown, by their name below `docs/reference`. */
export function promotionReferences(): ReadonlyMap<string, string> {
  return new Map([
    [
      'image-promotion.md',
      referencePage(
        IMAGE_PROMOTION_KIND,
        'Secrets and ServiceAccounts are those of its own namespace. Deleting an ImagePromotion touches no registry. Unknown fields are an error.',
      ),
    ],
    [
      'image-promotion-run.md',
      referencePage(
        IMAGE_PROMOTION_RUN_KIND,
        'Written by the controller and never changed; what came of it stands in its status.',
      ),
    ],
    [
      'promotion-approval.md',
      referencePage(
        PROMOTION_APPROVAL_KIND,
        'Who may create one may let images pass: grant it apart from the right to edit promotions.',
      ),
    ],
  ]);
}
