import { IMAGE_POLICY_KIND } from './crd.ts';
import { structuralSchema, type ResourceKind } from './custom-resource.ts';
import { API_VERSION } from './schema.ts';

interface Row {
  readonly path: string;
  readonly type: string;
  readonly required: boolean;
  readonly fallback: string;
  readonly description: string;
}

type Node = Readonly<Record<string, unknown>>;

/** The reference page of a kind in Markdown: every field of its spec with type, default and meaning. */
export function referencePage(resource: ResourceKind, prose: string): string {
  const { kind, scope, shortNames, spec } = resource;
  const rows = fields(structuralSchema(spec, 'input'), 'spec').map(
    ({ path, type, required, fallback, description }) =>
      `| \`${path}\` | ${type} | ${required ? 'yes' : ''} | ${fallback} | ${description} |`,
  );
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
    ...rows,
    '',
  ].join('\n');
}

/** The reference page of ImagePolicy. */
export function imagePolicyReference(): string {
  return referencePage(
    IMAGE_POLICY_KIND,
    'An image must satisfy every policy that matches it. Unknown fields are an error.',
  );
}

function fields(node: Node, path: string): readonly Row[] {
  const properties = asNode(node.properties);
  const required = Array.isArray(node.required) ? node.required : [];
  return Object.entries(properties).flatMap(([name, value]) => {
    const child = asNode(value);
    const at = `${path}.${name}`;
    return [rowOf(child, at, required.includes(name)), ...nested(child, at)];
  });
}

function nested(node: Node, path: string): readonly Row[] {
  return node.type === 'array' ? fields(asNode(node.items), `${path}[]`) : fields(node, path);
}

function rowOf(node: Node, path: string, required: boolean): Row {
  return {
    path,
    type: typeOf(node),
    required,
    fallback: node.default === undefined ? '' : `\`${JSON.stringify(node.default)}\``,
    description: typeof node.description === 'string' ? node.description : '',
  };
}

function typeOf(node: Node): string {
  if (Array.isArray(node.enum)) return node.enum.map((value) => `\`${String(value)}\``).join(', ');
  if (node.type === 'array') return `list of ${typeOf(asNode(node.items))}`;
  if (node.type === 'object' && node.additionalProperties !== undefined) return 'map of string';
  return String(node.type);
}

function asNode(value: unknown): Node {
  return typeof value === 'object' && value !== null ? (value as Node) : {};
}
