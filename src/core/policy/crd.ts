import * as z from 'zod';
import { listOf, objectOf, textOf } from '../model/index.ts';
import { imagePolicySpecSchema, API_VERSION, policyStatusSchema } from './schema.ts';

const READY = '.status.conditions[?(@.type=="Ready")]';

/** ImagePolicy as a kind of the Kubernetes API. */
const IMAGE_POLICY_KIND: ResourceKind = {
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

/** A JSON Schema node as OpenAPI v3 writes it. */
export type SchemaNode = Record<string, unknown>;

/** One kind of ours, as its CustomResourceDefinition and its reference page describe it. */
export interface ResourceKind {
  readonly kind: string;
  readonly plural: string;
  readonly scope: 'Cluster' | 'Namespaced';
  readonly shortNames: readonly string[];
  /** What it is for, in one sentence. */
  readonly description: string;
  readonly columns: readonly SchemaNode[];
  readonly spec: z.ZodType;
  /** Absent: the kind has no status. */
  readonly status?: z.ZodType;
}

/** The CustomResourceDefinition of a kind, made from its schemas: what `crds/` holds, as a plain object. */
export function customResourceDefinition(resource: ResourceKind): SchemaNode {
  const { kind, plural, scope, shortNames, columns, status } = resource;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.pratique.dev` },
    spec: {
      group: 'pratique.dev',
      scope,
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
        shortNames: [...shortNames],
        categories: ['pratique'],
      },
      versions: [
        {
          name: 'v1alpha1',
          served: true,
          storage: true,
          additionalPrinterColumns: columns,
          ...(status && { subresources: { status: {} } }),
          schema: { openAPIV3Schema: rootSchema(resource) },
        },
      ],
    },
  };
}

function rootSchema({ description, spec, status }: ResourceKind): SchemaNode {
  const properties = {
    apiVersion: { type: 'string' },
    kind: { type: 'string' },
    metadata: { type: 'object' },
    spec: structuralSchema(spec, 'input'),
    ...(status && { status: structuralSchema(status, 'output') }),
  };
  return { type: 'object', description, required: ['spec'], properties };
}

/** The OpenAPI schema of a part, structural as Kubernetes demands: no `additionalProperties: false`, no unions. */
function structuralSchema(schema: z.ZodType, io: 'input' | 'output'): SchemaNode {
  return z.toJSONSchema(schema, {
    target: 'openapi-3.0',
    io,
    reused: 'inline',
    override: ({ jsonSchema }) => {
      const node = jsonSchema as SchemaNode;
      if (node[TWO_FORMS] === true) delete node.anyOf;
      if (node.additionalProperties === false) delete node.additionalProperties;
      // Kubernetes knows no propertyNames; maps get a bound instead, by which it prices CEL rules.
      delete node.propertyNames;
      if (node.type === 'object' && node.additionalProperties !== undefined) node.maxProperties ??= 64;
    },
  });
}

/**
 * Marks a field that is written as text or as an object. The API server cannot check such a field, so that it takes any value there; the parser
 * of the controller reports what is wrong with it.
 */
export const TWO_FORMS = 'x-kubernetes-preserve-unknown-fields';

type Node = Readonly<Record<string, unknown>>;

/** The reference page of a kind in Markdown: every field of its spec with type, default and meaning. */
export function referencePage(resource: ResourceKind, prose: string): string {
  const { kind, scope, shortNames, spec } = resource;
  const scoped = scope === 'Cluster' ? 'cluster-scoped' : 'namespaced';
  return [
    `# ${kind}`,
    '',
    `\`${API_VERSION}\`, ${scoped}, short name \`${shortNames.join(', ')}\`. Made from the schema by \`npm run generate\`; edit the schema, not this page.`,
    '',
    prose,
    '',
    '| field | type | required | default | meaning |',
    '|---|---|---|---|---|',
    ...rowsOf(structuralSchema(spec, 'input'), 'spec'),
    '',
  ].join('\n');
}

export function imagePolicyReference(): string {
  return referencePage(
    IMAGE_POLICY_KIND,
    'An image must satisfy every policy that matches it. Unknown fields are an error.',
  );
}

/** A row for each field below a node, and for the fields below those. */
function rowsOf(node: Node, path: string): readonly string[] {
  const required = listOf(node.required);
  return Object.entries(objectOf(node.properties)).flatMap(([name, value]) => {
    const child = objectOf(value);
    const at = `${path}.${name}`;
    const must = required.includes(name) ? 'yes' : '';
    const fallback = child.default === undefined ? '' : `\`${JSON.stringify(child.default)}\``;
    const row = `| \`${at}\` | ${typeOf(child)} | ${must} | ${fallback} | ${textOf(child.description)} |`;
    return [row, ...(child.type === 'array' ? rowsOf(objectOf(child.items), `${at}[]`) : rowsOf(child, at))];
  });
}

function typeOf(node: Node): string {
  if (Array.isArray(node.enum)) return node.enum.map((value) => `\`${String(value)}\``).join(', ');
  if (node.type === 'array') return `list of ${typeOf(objectOf(node.items))}`;
  if (node.type === 'object' && node.additionalProperties !== undefined) return 'map of string';
  return String(node.type);
}
