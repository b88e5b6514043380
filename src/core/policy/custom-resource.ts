import * as z from 'zod';

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
  return {
    type: 'object',
    description,
    required: ['spec'],
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object' },
      spec: structuralSchema(spec, 'input'),
      ...(status && { status: structuralSchema(status, 'output') }),
    },
  };
}

/** The OpenAPI schema of a part, structural as Kubernetes demands: no `additionalProperties: false`, no unions. */
export function structuralSchema(schema: z.ZodType, io: 'input' | 'output'): SchemaNode {
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
