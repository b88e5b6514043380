import { customResourceDefinition, type ResourceKind, type SchemaNode } from './custom-resource.ts';
import { imagePolicySpecSchema } from './schema.ts';
import { policyStatusSchema } from './schema/status.ts';

const READY = '.status.conditions[?(@.type=="Ready")]';

/** ImagePolicy as a kind of the Kubernetes API. */
export const IMAGE_POLICY_KIND: ResourceKind = {
  kind: 'ImagePolicy',
  plural: 'imagepolicies',
  scope: 'Cluster',
  shortNames: ['ipol'],
  description: 'ImagePolicy says what is required of the images it matches.',
  columns: [
    { name: 'Enforcement', type: 'string', jsonPath: '.spec.enforcement' },
    { name: 'Ready', type: 'string', jsonPath: `${READY}.status` },
    { name: 'Denied', type: 'integer', jsonPath: '.status.images.denied' },
    { name: 'Unknown', type: 'integer', jsonPath: '.status.images.unknown' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
    { name: 'Images', type: 'string', jsonPath: '.spec.match.images', priority: 1 },
    { name: 'Message', type: 'string', jsonPath: `${READY}.message`, priority: 1 },
  ],
  spec: imagePolicySpecSchema,
  status: policyStatusSchema,
};

/** The CustomResourceDefinition of ImagePolicy, made from the schema: what `crds/` holds, as a plain object. */
export function imagePolicyCrd(): SchemaNode {
  return customResourceDefinition(IMAGE_POLICY_KIND);
}
