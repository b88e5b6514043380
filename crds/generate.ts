// Writes what is made from the schemas: the CRDs in this folder and the reference pages in docs/reference.
import { mkdir, writeFile } from 'node:fs/promises';
import { stringify } from 'yaml';
import { imagePolicyCrd, imagePolicyReference } from '../src/core/policy/index.ts';

const root = new URL('../', import.meta.url);

/** Every generated file by its path below the repository, with its content. */
export function generated(): ReadonlyMap<string, string> {
  const header = '# Made by `npm run generate` from src/core/policy/schema.ts; do not edit.\n';
  return new Map([
    [
      'crds/pratique.dev_imagepolicies.yaml',
      header + stringify(imagePolicyCrd(), { lineWidth: 0, aliasDuplicateObjects: false }),
    ],
    ['docs/reference/image-policy.md', imagePolicyReference()],
  ]);
}

if (import.meta.main) {
  await mkdir(new URL('docs/reference/', root), { recursive: true });
  for (const [path, text] of generated()) await writeFile(new URL(path, root), text);
}
