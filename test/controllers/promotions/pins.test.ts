import { expect } from 'chai';
import { type Candidate } from '../../../src/core/promotion/index.ts';
import { planRun } from '../../../src/core/promotion/plan.ts';
import { isWork, pendingImage, readPins } from '../../../src/controllers/promotions/run/pins.ts';
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
      const pending = work.map((image) => pendingImage({ planned: image }));
      // As it is after the API server has stored it.
      const stored = JSON.parse(JSON.stringify({ pending })) as { pending: typeof pending };
      expect(readPins(stored)).to.deep.equal(work.map((image) => ({ planned: image })));
    });
  }

  it('hold the findings of the gates', () => {
    const [planned] = planRun(images, { onTagExists: 'Overwrite', tidies: false }).filter(isWork);
    if (!planned) throw new Error('nothing planned');
    const pending = [pendingImage({ planned, gateHash: 'hash' })];
    expect(readPins({ pending })).to.deep.equal([{ planned, gateHash: 'hash' }]);
  });

  it('exist only for images with work to do', () => {
    const planned = planRun(images, { onTagExists: 'Skip', tidies: false });
    expect(planned.filter(isWork).map(({ tag }) => tag)).to.deep.equal(['new', 'fewer-platforms', 'ungated']);
  });

  const [moved, expected] = [digestFor('moved'), digestFor('expected')];
  const oldForms: readonly (readonly [string, object])[] = [
    [`a ${moved} = - Move`, { planned: { tag: 'a', digest: moved, expected: moved, action: 'Move' } }],
    [
      `a ${moved} ${expected} ${old} Move hash`,
      {
        planned: { tag: 'a', digest: moved, expected, atTarget: old, action: 'Move', overwrites: old },
        gateHash: 'hash',
      },
    ],
    [
      `a ${moved} = ${moved} Tidy`,
      {
        planned: {
          tag: 'a',
          digest: moved,
          expected: moved,
          atTarget: moved,
          action: 'UpToDate',
          tidy: true,
        },
      },
    ],
  ];
  for (const [text, pin] of oldForms) {
    it(`are read from the old form ${JSON.stringify(text.replaceAll(/sha256:\w+/g, 'sha256:…'))}`, () => {
      expect(readPins({ pins: [text] })).to.deep.equal([pin]);
    });
  }

  for (const text of [
    '',
    'tag',
    `tag ${digest} =`,
    `tag ${digest} = x Move`,
    `tag ${digest} = - Jump`,
    `tag no = - Move`,
  ]) {
    it(`are not read from ${JSON.stringify(text.replace(digest, 'sha256:…'))}`, () => {
      expect(readPins({ pins: [text] })).to.deep.equal([]);
    });
  }
});
