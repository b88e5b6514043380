// Writes what is made from the code: the CRDs in this folder and in the chart, the reference pages, the page of the
// signatures tested, the table of rooms, and what fails open or closed.
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { stringify } from 'yaml';
import { REASONS } from '../src/core/model/reason.ts';
import { imagePolicyCrd } from '../src/core/policy/index.ts';
import { imagePolicyReference } from '../src/core/policy/crd.ts';
import { promotionCrds } from '../src/core/promotion/index.ts';
import { promotionReferences } from '../src/core/promotion/schema/crd.ts';
import { ROOMS } from '../test/architecture/rooms.ts';
import { habitTables } from '../test/situations/habits-page.ts';
import { situationTables } from '../test/situations/page.ts';
import { signaturesPage } from '../test/core/evidence/grid/page.ts';

const root = new URL('../', import.meta.url);

/** Every generated file by its path below the repository, with its content. */
export function generated(): ReadonlyMap<string, string> {
  const crds = [['imagepolicies', imagePolicyCrd()] as const, ...promotionCrds()];
  return new Map([
    ...crds.flatMap(([plural, crd]) => filesOf(plural, crd)),
    ['docs/reference/image-policy.md', imagePolicyReference()],
    ...[...promotionReferences()].map(([name, page]) => [`docs/reference/${name}`, page] as const),
    ['docs/reference/reasons.md', reasonsPage()],
    ['docs/signatures.md', signaturesPage()],
    ['CONTRIBUTING.md', withRooms('CONTRIBUTING.md')],
    ['docs/architecture.md', withRooms('docs/architecture.md')],
    ['docs/security.md', withBlock('docs/security.md', 'situations', situationTables())],
    ['docs/registries.md', withBlock('docs/registries.md', 'habits', habitTables())],
  ]);
}

/** A definition for kubectl, and the same as a template of the chart. */
function filesOf(plural: string, crd: Definition): readonly (readonly [path: string, text: string])[] {
  const room = plural === 'imagepolicies' ? 'policy' : 'promotion';
  const made = `Made by \`npm run generate\` from src/core/${room}/schema.ts; do not edit.`;
  return [
    [`crds/pratique.dev_${plural}.yaml`, `# ${made}\n${yaml(crd)}`],
    [`charts/pratique/templates/crds/${plural}.yaml`, chartTemplate(crd, made)],
  ];
}

type Definition = Readonly<Record<string, unknown>>;

const yaml = (value: object): string => stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });

/** A definition as a template of the chart: upgraded with the release, kept without it, since deleting it deletes every policy. */
function chartTemplate(crd: Definition, made: string): string {
  const metadata = { ...(crd.metadata as object), annotations: { 'helm.sh/resource-policy': 'keep' } };
  const LABELS = '  labels: {{- include "pratique.commonLabels" . | nindent 4 }}';
  const text = yaml({ ...crd, metadata });
  if (text.includes('{{')) throw new Error('a definition with {{ in it needs escaping in a template');
  return [
    `{{- /* ${made} */ -}}`,
    '{{- if .Values.crds.install }}',
    text.replace('metadata:\n', `metadata:\n${LABELS}\n`).trimEnd(),
    '{{- end }}',
    '',
  ].join('\n');
}

function reasonsPage(): string {
  const rows = Object.entries(REASONS).map(([code, sentence]) => `| \`${code}\` | ${sentence} |`);
  return [
    '# Reasons',
    '',
    'The same code stands in messages, audit annotations, logs and `-o json`. Codes do not change; their wording may.',
    'Made from the table by `npm run generate`; edit the table, not this page.',
    '',
    '| code | meaning |',
    '|---|---|',
    ...rows,
    '',
  ].join('\n');
}

/** A page with the table of rooms between its two marks. */
const withRooms = (path: string): string => withBlock(path, 'rooms', roomsTable());

/** A page with a text between the two marks of this name. */
function withBlock(path: string, name: string, text: string): string {
  const page = readFileSync(new URL(path, root), 'utf8');
  const block = new RegExp(`(<!-- ${name} -->\\n)[\\s\\S]*?(<!-- /${name} -->)`);
  if (!block.test(page)) throw new Error(`${path} has no place for the block ${name}`);
  return page.replace(block, (_, begin: string, end: string) => `${begin}\n${text.trimEnd()}\n\n${end}`);
}

function roomsTable(): string {
  const core = ROOMS.filter(({ path }) => path.startsWith('core/')).map(({ path }) => path);
  const named = (paths: readonly string[]) =>
    core.every((path) => paths.includes(path))
      ? 'every room of `core`'
      : paths.map((path) => `\`${path}\``).join(', ');
  const rows = ROOMS.map(({ path, purpose, mayImport, mayImportTypes = [] }) => {
    const all = path === 'serve' ? 'every room but `main.ts`' : named(mayImport) || 'nothing';
    const others = mayImportTypes.filter((one) => !mayImport.includes(one));
    const types = path.startsWith('clients/') ? named(mayImportTypes) : named(others);
    return [`\`${path}\``, purpose, types === '' ? all : `${all}; types of ${types}`];
  });
  const lines = [['room', 'what it is for', 'may import'], ...rows];
  const widths = [0, 1, 2].map((column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const print = (line: readonly string[], fill = ' ') =>
    `| ${line.map((cell, column) => cell.padEnd(widths[column] ?? 0, fill)).join(' | ')} |`;
  const [head = [], ...body] = lines;
  return [print(head), print(['', '', ''], '-'), ...body.map((line) => print(line)), ''].join('\n');
}

if (import.meta.main) {
  await mkdir(new URL('docs/reference/', root), { recursive: true });
  for (const [path, text] of generated()) await writeFile(new URL(path, root), text);
}
