/*
 * The ImagePolicy resource, written once: the TypeScript type, the CRD with its CEL rules and the reference page are
 * made from this file. Every list and string is bounded, because the API server refuses CEL rules of unbounded cost.
 */
import * as z from 'zod';
import { authorityIn } from './schema/authorities.ts';
import { glob } from './schema/image-glob.ts';
import { list, rule, text } from './schema/parts.ts';
import { NAMED_AUTHORITIES, requirementsSchema } from './schema/requirements.ts';

/** The API group and version of Pratique's resources. */
export const API_VERSION = 'pratique.dev/v1alpha1';

const labelValue = z.string().max(63);
const labelKey = text(317);
const VALUES_MESSAGE = 'In and NotIn need values, Exists and DoesNotExist take none';
const VALUES_RULE = "(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)";
const expression = z
  .strictObject({
    key: labelKey,
    operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']),
    values: list(labelValue, 64).optional(),
  })
  // `In` without values selects nothing, and the policy would quietly cover no namespace.
  .refine(({ operator, values = [] }) => operator.endsWith('In') === values.length > 0, VALUES_MESSAGE)
  .meta(rule(VALUES_RULE, VALUES_MESSAGE));

/** A label selector of Kubernetes. */
export const namespaceSelectorSchema = z.strictObject({
  matchLabels: z
    .record(labelKey, labelValue)
    .optional()
    .describe('Labels that must be there with this value.'),
  matchExpressions: list(expression, 32)
    .optional()
    .describe('Conditions on labels, as in every Kubernetes label selector.'),
});

const match = z.strictObject({
  images: list(glob, 64)
    .min(1, 'needs at least one pattern; "**" covers every image')
    .describe(
      'Globs over the normalised image name (host and repository, no tag). `*` stays inside one component, `**` is a component of its own and crosses them; `nginx` and `acme/*` are completed to Docker Hub. A glob that covers no image name, or fewer than it matches as it is written, is refused: `ghcr.io/**` and not `ghcr.io`, `host/team*/**` and not `host/team**`, `**/*demo*` and not `*demo*`.',
    ),
  excludeImages: list(glob, 64)
    .default([])
    .describe('Globs of images that the policy leaves alone, as in `images`.'),
  namespaceSelector: namespaceSelectorSchema
    .optional()
    .describe('Namespaces it covers, by their labels; absent = all.'),
});

/** Where a policy may be asked. */
const PLACES = ['Admission', 'Audit', 'Pull'] as const;

const spec = z
  .strictObject({
    match: match.describe('Which images, where.'),
    enforcement: z
      .enum(['Deny', 'Warn', 'Audit'])
      .default('Deny')
      .describe('What happens to an image that does not satisfy the policy.'),
    onUnknown: z
      .enum(['Deny', 'Warn', 'Allow'])
      .default('Deny')
      .describe(
        'What happens when a needed fact could not be learned, e.g. while the registry is down. What is over a limit (`LimitExceeded`) or read in different ways (`AmbiguousIndex`) is never admitted by it.',
      ),
    pinDigests: z
      .boolean()
      .default(false)
      .describe(
        'Add the digest of this moment (`@sha256:…`) to references that have none, whatever `enforcement` is; the tag stays.',
      ),
    at: list(z.enum(PLACES), PLACES.length)
      .min(1)
      .default([...PLACES])
      .describe(
        'Where it is asked. Admission: when an object is created or changed, and by `pratique check`. Audit: of what runs. Pull: at the gate.',
      ),
    authorities: list(authorityIn("the controller's own namespace"), 16)
      .default([])
      .describe('Who may sign.'),
    require: requirementsSchema.describe('What is asked; an absent block asks nothing.'),
  })
  .meta({ 'x-kubernetes-validations': NAMED_AUTHORITIES });

/** An ImagePolicy as a person writes it, checked field by field; what crosses fields is checked by `compilePolicy`. */
export const imagePolicySchema = z.object({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal('ImagePolicy'),
  metadata: z.looseObject({ name: text(253) }),
  spec,
});

/** The `spec` of an ImagePolicy; the CRD's schema is made from it. */
export const imagePolicySpecSchema = spec;

type ImagePolicy = z.output<typeof imagePolicySchema>;
/** The `spec` of an {@link ImagePolicy}. */
export type ImagePolicySpec = ImagePolicy['spec'];

/*
 * The `status` of an ImagePolicy: what became of it and of the images it covers. Written by the controller alone; field by
 * field owned by two writers, the one that compiles and the one that audits.
 */

const count = z.int().min(0);
const moment = z.string().max(64).meta({ format: 'date-time' });

/** `metav1.Condition`, of whatever kind of ours. */
export const conditionSchema = z.strictObject({
  type: z.string().max(316).describe('What it is about.'),
  status: z.enum(['True', 'False', 'Unknown']).describe('Whether it is so.'),
  observedGeneration: count.optional().describe('Generation of the object that this is about.'),
  lastTransitionTime: moment.describe('When the status last changed.'),
  reason: z.string().max(1_024).describe('One word for programs.'),
  message: z.string().max(32_768).describe('A sentence for people.'),
});

export const policyStatusSchema = z.strictObject({
  observedGeneration: count.optional().describe('Generation of the policy that was compiled last.'),
  compiledHash: z
    .string()
    .max(64)
    .optional()
    .describe('Names what is in force: the spec with the keys and trust roots it refers to.'),
  conditions: list(conditionSchema, 16)
    .optional()
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] })
    .describe(
      'Ready: the policy as written is in force. Stalled: it does not compile, and a person has to act.',
    ),
  images: z
    .strictObject({
      judged: count.describe('Distinct running images that the policy covers and that were judged.'),
      denied: count.describe('Those that would be refused today.'),
      warned: count.describe('Those with a warning.'),
      unknown: count.describe('Those about which a needed fact could not be learned.'),
      unclear: count
        .optional()
        .describe('Those of which it is not known what the node runs, however they count; absent = none.'),
    })
    .optional()
    .describe('What the last audit of running images found.'),
  lastAudit: moment.optional().describe('When running images were last judged.'),
});

/** The `status` of an ImagePolicy. */
export type PolicyStatus = z.output<typeof policyStatusSchema>;
