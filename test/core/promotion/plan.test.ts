import { expect } from 'chai';
import { planRun, type Candidate, type PlanRules } from '../../../src/core/promotion/plan.ts';
import { backupTag } from '../../../src/core/promotion/selection/reserved-tags.ts';
import { digestOf } from '../../../src/core/model/index.ts';

const NEW = digestOf('new');
const OLD = digestOf('old');
const RULES: PlanRules = { onTagExists: 'Overwrite', tidies: false };
const moved: Candidate = { tag: '1.2.3', digest: NEW, expected: NEW, atTarget: OLD };

const plan = (candidate: Candidate, rules: Partial<PlanRules> = {}) =>
  planRun([candidate], { ...RULES, ...rules })[0];

describe('the plan of a run', () => {
  it('moves an image whose tag the target does not have', () => {
    expect(plan({ tag: '1', digest: NEW, expected: NEW })).to.deep.equal({
      tag: '1',
      digest: NEW,
      expected: NEW,
      action: 'Move',
    });
  });

  it('does nothing for a tag that has its digest at the target already', () => {
    expect(plan({ ...moved, atTarget: NEW })).to.include({ action: 'UpToDate', tidy: false });
  });

  for (const onTagExists of ['Overwrite', 'Backup', 'Skip', 'Fail'] as const)
    it(`sends an image that another writer pushed to the target through the gates, and overwrites nothing (${onTagExists})`, () => {
      const ungated = { ...moved, atTarget: NEW, ungated: true } as const;
      expect(plan(ungated, { onTagExists })).to.deep.equal({ ...ungated, action: 'Move' });
    });

  it('cleans up the source of an image that is at the target when that is configured', () => {
    expect(plan({ ...moved, atTarget: NEW }, { tidies: true })).to.include({
      action: 'UpToDate',
      tidy: true,
    });
  });

  it('compares with the digest of the rebuilt index', () => {
    expect(plan({ ...moved, expected: OLD })).to.include({ action: 'UpToDate' });
  });

  const rows: readonly [PlanRules['onTagExists'], object][] = [
    ['Overwrite', { action: 'Move', overwrites: OLD }],
    ['Backup', { action: 'Move', overwrites: OLD, backup: backupTag('1.2.3', OLD) }],
    ['Skip', { action: 'Skip', reason: 'TagExists' }],
    ['Fail', { action: 'Block', reason: 'TagExists' }],
  ];
  for (const [onTagExists, expected] of rows) {
    it(`onTagExists ${onTagExists} decides about a tag with another digest`, () => {
      expect(plan(moved, { onTagExists })).to.include(expected);
      expect(plan({ ...moved, atTarget: NEW }, { onTagExists })).to.include({ action: 'UpToDate' });
    });
  }

  it('skips an image that was mirrored before and then deleted', () => {
    const candidate = { tag: '1', digest: NEW, expected: NEW };
    const mirroredBefore = ({ digest }: Candidate) => digest === NEW;
    expect(plan(candidate, { mirroredBefore })).to.include({ action: 'Skip', reason: 'MirroredBefore' });
    expect(plan({ ...candidate, digest: OLD }, { mirroredBefore })).to.include({ action: 'Move' });
    expect(plan(moved, { mirroredBefore })).to.include({ action: 'Move' });
  });

  it('keeps the order, with one row per candidate', () => {
    const tags = ['3', '1', '2'];
    const rows = planRun(
      tags.map((tag) => ({ tag, digest: NEW, expected: NEW })),
      RULES,
    );
    expect(rows.map(({ tag }) => tag)).to.deep.equal(tags);
  });
});
