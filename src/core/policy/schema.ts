import * as z from 'zod';
import { DURATION_PATTERN } from './duration.ts';

/*
 * The ImagePolicy resource, written once: the TypeScript type, the CRD with its CEL rules and the reference page are
 * made from this file. Every list and string is bounded, because the API server refuses CEL rules of unbounded cost.
 */

/** The API group and version of Pratique's resources. */
export const API_VERSION = 'pratique.dev/v1alpha1';

/** A CEL rule as the CRD carries it (`x-kubernetes-validations`). */
function rule(expression: string, message: string) {
  return { 'x-kubernetes-validations': [{ rule: expression, message }] };
}

const name = z.string().min(1).max(63);
const duration = z.string().max(32).regex(DURATION_PATTERN, 'is not a duration such as 720h or 1h30m');
const glob = z.string().min(1).max(255);
const annotationKey = z.string().min(1).max(317);
const artifactType = z.string().min(1).max(255);

const keyIn = z.strictObject({
  name: z.string().min(1).max(253).describe('Name of the object.'),
  key: z.string().min(1).max(253).describe('Key inside its data.'),
});

const key = z
  .strictObject({
    secretRef: keyIn.optional().describe("A Secret in the controller's own namespace."),
    configMapRef: keyIn.optional().describe("A ConfigMap in the controller's own namespace."),
    pem: z.string().min(1).max(8192).optional().describe('The key itself: one PEM block "PUBLIC KEY".'),
  })
  .refine(
    (value) => Object.values(value).filter((way) => way !== undefined).length === 1,
    'needs exactly one of secretRef, configMapRef, pem',
  )
  .meta(
    rule(
      '[has(self.secretRef), has(self.configMapRef), has(self.pem)].filter(x, x).size() == 1',
      'needs exactly one of secretRef, configMapRef, pem',
    ),
  );

const authority = z.strictObject({
  name: name.describe('What the rest of the policy calls this signer.'),
  key: key.describe(
    'The public key it signs with: ECDSA P-256, P-384 or P-521, RSA of 2048 bits or more, or Ed25519.',
  ),
});

const labelValue = z.string().max(63);
const labelKey = z.string().min(1).max(317);
const VALUES_MESSAGE = 'In and NotIn need values, Exists and DoesNotExist take none';
const selector = z.strictObject({
  matchLabels: z
    .record(labelKey, labelValue)
    .optional()
    .describe('Labels that must be there with this value.'),
  matchExpressions: z
    .array(
      z
        .strictObject({
          key: labelKey,
          operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']),
          values: z.array(labelValue).max(64).optional(),
        })
        // `In` without values selects nothing, and the policy would quietly cover no namespace.
        .refine(({ operator, values = [] }) => operator.endsWith('In') === values.length > 0, VALUES_MESSAGE)
        .meta(
          rule(
            "(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)",
            VALUES_MESSAGE,
          ),
        ),
    )
    .max(32)
    .optional()
    .describe('Conditions on labels, as in every Kubernetes label selector.'),
});

const match = z.strictObject({
  images: z
    .array(glob)
    .min(1, 'needs at least one pattern; "**" covers every image')
    .max(64)
    .describe(
      'Globs over the normalised image name (host and repository, no tag). `*` stays inside one path component, `**` crosses them.',
    ),
  excludeImages: z.array(glob).max(64).default([]).describe('Globs of images that the policy leaves alone.'),
  namespaceSelector: selector.optional().describe('Namespaces it covers, by their labels; absent = all.'),
});

const names = z.array(name).max(16);

const signatures = z
  .strictObject({
    from: names.min(1, 'needs at least one authority').describe('Authorities whose signatures count.'),
    atLeast: z.int().min(1).max(16).default(1).describe('How many different authorities must have signed.'),
    annotations: z
      .record(z.string().min(1).max(317), z.string().max(256))
      .default({})
      .describe('Annotations that the signer must have put into the signature, with these values.'),
  })
  .meta(rule('self.atLeast <= size(self.from)', 'atLeast is more than the number of names in from'));

const quarantine = z.strictObject({
  annotations: z
    .array(
      z.strictObject({
        key: annotationKey.describe('Annotation of the manifest or index.'),
        values: z
          .array(z.string().max(256))
          .min(1)
          .max(16)
          .default(['true'])
          .describe('Values that mean quarantined; upper and lower case are the same.'),
      }),
    )
    .max(16)
    .default([{ key: 'dev.pratique.quarantine', values: ['true'] }])
    .describe('Annotations that flag an image.'),
  artifactTypes: z
    .array(artifactType)
    .max(16)
    .default(['application/vnd.pratique.quarantine.v1+json'])
    .describe('Artifact types of referrers that flag an image.'),
  images: z
    .array(glob)
    .max(64)
    .default([])
    .describe('Globs of repositories in which every image is quarantined, e.g. `**/quarantine/**`.'),
  releasedBy: names
    .default([])
    .describe(
      'Authorities whose signed release statement about exactly this digest lifts the flag; empty = nobody.',
    ),
});

const lifecycle = z.strictObject({
  refuse: z
    .enum(['EndOfLife', 'EndOfSupport'])
    .default('EndOfLife')
    .describe('Which date refuses the image; EndOfSupport refuses at the earlier of both.'),
  warnBefore: duration.default('720h').describe('How long before the date a warning is given.'),
  gracePeriod: duration.default('0s').describe('How long after the date the image is still let in.'),
  annotations: z
    .array(
      z.strictObject({
        key: annotationKey,
        says: z.enum(['EndOfLife', 'EndOfSupport']).default('EndOfLife').describe('What the date means.'),
      }),
    )
    .max(16)
    .default([])
    .describe(
      'Annotation keys read besides the well-known ones, on the image and on its lifecycle referrers.',
    ),
  artifactTypes: z
    .array(artifactType)
    .max(16)
    .default([])
    .describe('Artifact types of lifecycle referrers read besides the well-known ones.'),
  required: z.boolean().default(false).describe('Refuse images that claim no date.'),
});

const requirements = z.strictObject({
  digest: z.strictObject({}).optional().describe('The reference must name a digest.'),
  signatures: signatures.optional().describe('The image must be signed.'),
  quarantine: quarantine.optional().describe('The image must not be quarantined, or be released.'),
  lifecycle: lifecycle.optional().describe('The image must not be past its end of life.'),
});

const NAMED_AUTHORITIES = [
  {
    rule: '!has(self.require.signatures) || self.require.signatures.from.all(n, has(self.authorities) && self.authorities.exists(a, a.name == n))',
    message: 'require.signatures.from names an authority that is not in authorities',
  },
  {
    rule: '!has(self.require.quarantine) || !has(self.require.quarantine.releasedBy) || self.require.quarantine.releasedBy.all(n, has(self.authorities) && self.authorities.exists(a, a.name == n))',
    message: 'require.quarantine.releasedBy names an authority that is not in authorities',
  },
];

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
      .describe('What happens when a needed fact could not be learned, e.g. while the registry is down.'),
    authorities: z.array(authority).max(16).default([]).describe('Who may sign.'),
    require: requirements.describe('What is asked; an absent block asks nothing.'),
  })
  .meta({ 'x-kubernetes-validations': NAMED_AUTHORITIES });

/** An ImagePolicy as a person writes it, checked field by field; what crosses fields is checked by `compilePolicy`. */
export const imagePolicySchema = z.object({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal('ImagePolicy'),
  metadata: z.looseObject({ name: z.string().min(1).max(253) }),
  spec,
});

/** The `spec` of an ImagePolicy; the CRD's schema is made from it. */
export const imagePolicySpecSchema = spec;

/** An ImagePolicy with its defaults filled in. */
export type ImagePolicy = z.output<typeof imagePolicySchema>;
/** The `spec` of an {@link ImagePolicy}. */
export type ImagePolicySpec = ImagePolicy['spec'];
