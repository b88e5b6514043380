import * as z from 'zod';
import { imagePolicySpecSchema } from './schema.ts';
import { policyStatusSchema } from './schema/status.ts';

/** A JSON Schema node as OpenAPI v3 writes it. */
type SchemaNode = Record<string, unknown>;

const READY = '.status.conditions[?(@.type=="Ready")]';
const COLUMNS = [
  { name: 'Enforcement', type: 'string', jsonPath: '.spec.enforcement' },
  { name: 'Ready', type: 'string', jsonPath: `${READY}.status` },
  { name: 'Denied', type: 'integer', jsonPath: '.status.images.denied' },
  { name: 'Unknown', type: 'integer', jsonPath: '.status.images.unknown' },
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  { name: 'Images', type: 'string', jsonPath: '.spec.match.images', priority: 1 },
  { name: 'Message', type: 'string', jsonPath: `${READY}.message`, priority: 1 },
];

/** The CustomResourceDefinition of ImagePolicy, made from the schema: what `crds/` holds, as a plain object. */
export function imagePolicyCrd(): SchemaNode {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'imagepolicies.pratique.dev' },
    spec: {
      group: 'pratique.dev',
      scope: 'Cluster',
      names: {
        kind: 'ImagePolicy',
        listKind: 'ImagePolicyList',
        plural: 'imagepolicies',
        singular: 'imagepolicy',
        shortNames: ['ipol'],
        categories: ['pratique'],
      },
      versions: [
        {
          name: 'v1alpha1',
          served: true,
          storage: true,
          additionalPrinterColumns: COLUMNS,
          subresources: { status: {} },
          schema: { openAPIV3Schema: rootSchema() },
        },
      ],
    },
  };
}

function rootSchema(): SchemaNode {
  return {
    type: 'object',
    description: 'ImagePolicy says what is required of the images it matches.',
    required: ['spec'],
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object' },
      spec: specSchema(),
      status: structural(policyStatusSchema, 'output'),
    },
  };
}

/** The OpenAPI schema of `spec`, structural as Kubernetes demands: no `additionalProperties: false`, no unions. */
export function specSchema(): SchemaNode {
  return structural(imagePolicySpecSchema, 'input');
}

function structural(schema: z.ZodType, io: 'input' | 'output'): SchemaNode {
  return z.toJSONSchema(schema, {
    target: 'openapi-3.0',
    io,
    reused: 'inline',
    override: ({ jsonSchema }) => {
      const node = jsonSchema as SchemaNode;
      if (node.additionalProperties === false) delete node.additionalProperties;
      // Kubernetes knows no propertyNames; maps get a bound instead, by which it prices CEL rules.
      delete node.propertyNames;
      if (node.type === 'object' && node.additionalProperties !== undefined) node.maxProperties ??= 64;
    },
  });
}
