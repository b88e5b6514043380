import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { generated } from '../crds/generate.ts';

describe('generated files', () => {
  for (const [path, text] of generated()) {
    it(`${path} is what the schema makes of it; if not, run npm run generate`, async () => {
      expect(await readFile(new URL(`../${path}`, import.meta.url), 'utf8')).to.equal(text);
    });
  }
});
