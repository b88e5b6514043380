import { expect } from 'chai';
import { type Candidate } from '../../../src/core/promotion/index.ts';
import { planRun } from '../../../src/core/promotion/plan.ts';
import { formatPin, isWork, parsePin } from '../../../src/controllers/promotions/run/pins.ts';
import { digestFor } from './fixture.ts';

const [digest, smaller, old] = [digestFor('image'), digestFor('smaller'), digestFor('old')];

describe('the pins of a run', () => {
  const images: readonly Candidate[] = [
    { tag: 'new', digest, expected: digest },
    { tag: 'fewer-platforms', digest, expected: smaller },
    { tag: 'moves', digest, expected: smaller, atTarget: old },
    { tag: 'there', digest, expected: smaller, atTarget: smaller },
    { tag: 'ungated', digest, expected: smaller, atTarget: smaller, ungated: true },
  ];

  for (const onTagExists of ['Overwrite', 'Backup'] as const) {
    it(`are read as they were written, with ${onTagExists}`, () => {
      const planned = planRun(images, { onTagExists, tidies: true });
      const work = planned.filter(isWork);
      expect(work).to.have.lengthOf(5);
      expect(work.map((image) => parsePin(formatPin({ planned: image })))).to.deep.equal(
        work.map((image) => ({ planned: image })),
      );
    });
  }

  it('hold the findings of the gates', () => {
    const [planned] = planRun(images, { onTagExists: 'Overwrite', tidies: false }).filter(isWork);
    if (!planned) throw new Error('nothing planned');
    expect(parsePin(formatPin({ planned, gateHash: 'hash' }))).to.deep.equal({ planned, gateHash: 'hash' });
  });

  it('exist only for images with work to do', () => {
    const planned = planRun(images, { onTagExists: 'Skip', tidies: false });
    expect(planned.filter(isWork).map(({ tag }) => tag)).to.deep.equal(['new', 'fewer-platforms', 'ungated']);
  });

  for (const text of [
    '',
    'tag',
    `tag ${digest} =`,
    `tag ${digest} = x Move`,
    `tag ${digest} = - Jump`,
    `tag no = - Move`,
  ]) {
    it(`are not read from ${JSON.stringify(text.replace(digest, 'sha256:…'))}`, () => {
      expect(parsePin(text)).to.equal(undefined);
    });
  }
});
