// Writes what is made from the code: the CRDs in this folder and in the chart, the reference pages, and the page of the signatures tested.
import { mkdir, writeFile } from 'node:fs/promises';
import { stringify } from 'yaml';
import { REASONS } from '../src/core/model/index.ts';
import { imagePolicyCrd, imagePolicyReference } from '../src/core/policy/index.ts';
import { promotionCrds, promotionReferences } from '../src/core/promotion/index.ts';
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

if (import.meta.main) {
  await mkdir(new URL('docs/reference/', root), { recursive: true });
  for (const [path, text] of generated()) await writeFile(new URL(path, root), text);
}
