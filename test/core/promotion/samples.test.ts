import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { parse } from 'yaml';
import { parseApproval, parsePromotion } from '../../../src/core/promotion/index.ts';
import { pathsOf } from '../../support/promotions/promotions.ts';

const SAMPLES = {
  'mirror.yaml': parsePromotion,
  'promote.yaml': parsePromotion,
  'promote-with-approval.yaml': parsePromotion,
  'approval.yaml': parseApproval,
} as const;

describe('samples of promotion', () => {
  for (const [name, read] of Object.entries(SAMPLES)) {
    it(`${name} can be read`, async () => {
      const text = await readFile(new URL(`../../../manifests/samples/${name}`, import.meta.url), 'utf8');
      const sample = read(parse(text));
      expect(sample.ok, pathsOf(sample).join()).to.be.true;
    });
  }
});
