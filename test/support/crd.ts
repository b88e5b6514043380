/** A node of the OpenAPI schema of a custom resource. */
export interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
}

/** The schema of a CustomResourceDefinition's only version. */
export function schemaOf(crd: unknown): SchemaNode {
  const { spec } = crd as { spec: { versions: { schema: { openAPIV3Schema: SchemaNode } }[] } };
  return spec.versions[0]!.schema.openAPIV3Schema;
}

/** Paths of all fields of its `spec` that have no fields of their own, e.g. `match.images`, `authorities[].name`. */
export function specFields(crd: unknown): readonly string[] {
  return leaves(schemaOf(crd).properties!.spec!, '');
}

function leaves(node: SchemaNode, path: string): readonly string[] {
  const list = node.items?.properties ? '[]' : '';
  const properties = node.items?.properties ?? node.properties ?? {};
  const below = Object.entries(properties).flatMap(([name, child]) =>
    leaves(child, path === '' ? name : `${path}${list}.${name}`),
  );
  return below.length > 0 ? below : [path];
}
