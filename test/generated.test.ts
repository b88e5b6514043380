import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { parse, parseAllDocuments } from 'yaml';
import { generated } from '../crds/generate.ts';

interface Definition {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: unknown;
}

describe('generated files', () => {
  for (const [path, text] of generated()) {
    it(`${path} is generated from the schema; if not, run npm run generate`, async () => {
      expect(await readFile(new URL(`../${path}`, import.meta.url), 'utf8')).to.equal(text);
    });
  }

  it('manifests/install.yaml has the same definitions; if not, run npm run generate:install', async () => {
    const installed = await readFile(new URL('../manifests/install.yaml', import.meta.url), 'utf8');
    const specs = (definitions: readonly Definition[]) =>
      Object.fromEntries(definitions.map(({ metadata, spec }) => [metadata.name, spec]));
    const found = parseAllDocuments(installed)
      .map((document) => document.toJS() as Definition)
      .filter(({ kind }) => kind === 'CustomResourceDefinition');
    const made = [...generated()]
      .filter(([path]) => path.startsWith('crds/'))
      .map(([, text]) => parse(text) as Definition);
    expect(specs(found)).to.deep.equal(specs(made));
  });
});
