import { customResourceDefinition, referencePage } from '../../policy/index.ts';
import type { ResourceKind, SchemaNode } from '../../policy/index.ts';
import { approvalSpecSchema } from '../schema.ts';
import { promotionStatusSchema } from './promotion-status.ts';
import { promotionSpecSchema } from './promotion.ts';
import { runSpecSchema, runStatusSchema } from './run.ts';

const READY = '.status.conditions[?(@.type=="Ready")]';
const AGE = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };

/** A kind of the Kubernetes API, with its page below `docs/reference` and what that says first. */
interface DocumentedKind extends ResourceKind {
  readonly page: string;
  readonly about: string;
}

/** The kinds of promotion, in the order in which people meet them. */
const KINDS: readonly DocumentedKind[] = [
  {
    kind: 'ImagePromotion',
    plural: 'imagepromotions',
    scope: 'Namespaced',
    shortNames: ['ipr'],
    description: 'ImagePromotion says which images flow from where to where, under which gates.',
    page: 'image-promotion.md',
    about:
      'Secrets and ServiceAccounts are those of its own namespace. Deleting an ImagePromotion touches no registry. Unknown fields are an error.',
    columns: [
      { name: 'Source', type: 'string', jsonPath: '.spec.source.repository' },
      { name: 'Target', type: 'string', jsonPath: '.spec.target.repository' },
      { name: 'Ready', type: 'string', jsonPath: `${READY}.status` },
      { name: 'Promoted', type: 'integer', jsonPath: '.status.counts.promoted' },
      { name: 'Blocked', type: 'integer', jsonPath: '.status.counts.blocked' },
      { name: 'Last Run', type: 'date', jsonPath: '.status.lastRunTime' },
      AGE,
      { name: 'Schedule', type: 'string', jsonPath: '.spec.schedule', priority: 1 },
      { name: 'Repositories', type: 'integer', jsonPath: '.status.repositories', priority: 1 },
      { name: 'Suspended', type: 'boolean', jsonPath: '.spec.suspend', priority: 1 },
      { name: 'Message', type: 'string', jsonPath: `${READY}.message`, priority: 1 },
    ],
    spec: promotionSpecSchema,
    status: promotionStatusSchema,
  },
  {
    kind: 'ImagePromotionRun',
    plural: 'imagepromotionruns',
    scope: 'Namespaced',
    shortNames: ['iprr'],
    description: 'ImagePromotionRun is one execution of an ImagePromotion; made by the controller.',
    page: 'image-promotion-run.md',
    about: 'Written by the controller and never changed; what came of it stands in its status.',
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
  },
  {
    kind: 'PromotionApproval',
    plural: 'promotionapprovals',
    scope: 'Namespaced',
    shortNames: ['ipa'],
    description:
      'PromotionApproval is the yes or no of a person about one digest and what the gates found in it.',
    page: 'promotion-approval.md',
    about: 'Who may create one may let images pass: grant it apart from the right to edit promotions.',
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
  },
];

/** The CustomResourceDefinition of each kind of promotion, by its plural name: what `crds/` holds, as plain objects. */
export function promotionCrds(): ReadonlyMap<string, SchemaNode> {
  return new Map(KINDS.map((kind) => [kind.plural, customResourceDefinition(kind)]));
}

/** The reference pages of promotion in Markdown, by their name below `docs/reference`. */
export function promotionReferences(): ReadonlyMap<string, string> {
  return new Map(KINDS.map((kind) => [kind.page, referencePage(kind, kind.about)]));
}
