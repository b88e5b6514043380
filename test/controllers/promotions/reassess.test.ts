import { expect } from 'chai';
import type { Reason } from '../../../src/core/model/index.ts';
import type { TargetJudgement } from '../../../src/core/promotion/index.ts';
import type { Standing } from '../../../src/core/promotion/reassessment.ts';
import { no } from '../../support/twins/cluster.ts';
import { NOW } from '../../support/policies.ts';
import { candidates, digestFor, fault } from './fixture.ts';
import { controllerFixture } from './controller-fixture.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const VULNERABLE = { state: 'blocked', reason: { code: 'Vulnerable', detail: 'CVE-2026-2' } } as const;
const WELL = { state: 'well' } as const;

/** The state of each known image at the target, and of its other images. */
type Target = (tag: string) => Standing | undefined;

/** A promotion that has promoted one image with an exception of three days, and one image without. */
async function passed(
  target?: Target | 'no judge' | 'no reporter',
  more: { readonly others?: readonly string[] } = {},
) {
  const all = controllerFixture(
    {
      candidates: candidates('1', '2'),
      fate: (tag) => ({
        decision: 'Promoted',
        ...(tag === '1' && { exceptionsUntil: new Date(NOW.getTime() + 3 * DAY) }),
      }),
    },
    {},
    { rejudges: target !== 'no judge' },
  );
  const looks: string[][] = [];
  all.fixture.rejudge = ({ known }): Promise<TargetJudgement | undefined> => {
    looks.push(known.map(({ tag }) => tag));
    if (target === 'no reporter') return Promise.resolve(undefined);
    if (typeof target !== 'function') return Promise.reject(fault('RegistryUnavailable', true));
    const there = [...known, ...(more.others ?? []).map((tag) => ({ tag, digest: digestFor(tag) }))];
    const judged = there.flatMap((image) => {
      const standing = target(image.tag);
      return standing ? [{ ...image, ...standing }] : [];
    });
    return Promise.resolve({ judged, unseen: 0 });
  };
  all.lead();
  all.put();
  await all.time.pass(2_000);
  all.events.length = 0;
  return { ...all, looks };
}

describe('an image in the target repository', () => {
  for (const [when, target] of [
    ['it cannot be judged', 'no judge'],
    ['no reporter is configured', 'no reporter'],
    ['the registry does not answer', undefined],
    ['no trusted reporter has reported on it', () => ({ state: 'unreported' }) as const],
  ] as const)
    it(`is flagged when its exception expires and ${when}: condition, one event, metric`, async () => {
      const all = await passed(target);
      expect(all.condition('Flagged')).to.equal('False NoneFlagged');
      expect(all.status().exceptions).to.have.lengthOf(1);
      await all.time.pass(3 * DAY - HOUR);
      expect(all.status().flagged ?? []).to.deep.equal([]);
      await all.time.pass(2 * HOUR);
      expect(all.condition('Flagged')).to.equal('True ExceptionExpired');
      expect(all.status().flagged).to.deep.equal([
        { tag: '1', digest: digestFor('1'), reason: 'ExceptionExpired' },
      ]);
      await all.time.pass(10 * DAY);
      expect(all.events.map(({ reason, action }) => `${action} ${reason}`)).to.deep.equal([
        'Rejudge ExceptionExpired',
      ]);
      expect(all.flagged.at(-1)).to.equal(1);
      expect(all.condition('Ready')).to.equal('True Succeeded');
    });

  it('is flagged while a new judgement would block it', async () => {
    let standing: Standing = WELL;
    const all = await passed((tag) => (tag === '2' ? standing : WELL));
    await all.time.pass(DAY);
    expect(all.condition('Flagged')).to.equal('False NoneFlagged');
    standing = VULNERABLE;
    await all.time.pass(DAY);
    expect(all.condition('Flagged')).to.equal('True Vulnerable');
    expect(all.flagged.at(-1)).to.equal(1);
    standing = WELL;
    await all.time.pass(DAY);
    expect(all.condition('Flagged')).to.equal('False NoneFlagged');
    expect(all.events.map(({ reason }) => reason)).to.deep.equal(['Vulnerable']);
    expect(all.flagged.at(-1)).to.equal(0);
  });

  it('is flagged also when no run lists it any more', async () => {
    const all = await passed((tag) => (tag === 'old' ? VULNERABLE : WELL), { others: ['old'] });
    await all.time.pass(DAY);
    expect(all.status().flagged).to.deep.equal([
      { tag: 'old', digest: digestFor('old'), reason: 'Vulnerable' },
    ]);
    all.fixture.fake = { candidates: candidates() };
    all.put({ metadata: { generation: 2 } });
    await all.time.pass(DAY);
    expect(all.looks.at(-1)).to.deep.equal(['1', 'old']);
    expect(all.condition('Flagged')).to.equal('True Vulnerable');
  });

  it('keeps its state while it cannot be judged, and the condition shows that', async () => {
    let standing: Standing = VULNERABLE;
    const unknown = (code: Reason['code']): Standing => ({
      state: 'unknown',
      reason: { code, detail: 'no' },
    });
    const all = await passed((tag) => (tag === '2' ? standing : WELL));
    await all.time.pass(DAY);
    standing = unknown('RegistryUnavailable');
    await all.time.pass(DAY);
    expect(all.condition('Flagged')).to.equal('True Vulnerable');
    standing = { state: 'unreported' };
    await all.time.pass(DAY);
    expect(all.condition('Flagged')).to.equal('True Vulnerable');
    standing = WELL;
    await all.time.pass(DAY);
    standing = unknown('RegistryUnavailable');
    await all.time.pass(DAY);
    expect(all.condition('Flagged')).to.equal('Unknown RegistryUnavailable');
    expect(all.status().lastJudgement).to.deep.include({ judged: 1, unknown: 1 });
    expect(all.troubles.some((reported) => reported.startsWith('judge again'))).to.be.true;
    expect(all.events.map(({ reason }) => reason)).to.deep.equal(['Vulnerable']);
  });

  it('is Unknown when its registry does not answer, and is judged again sooner', async () => {
    const all = await passed();
    await all.time.pass(6 * HOUR);
    expect(all.condition('Flagged')).to.equal('Unknown RegistryUnavailable');
    const before = all.looks.length;
    await all.time.pass(HOUR);
    expect(all.looks.length).to.be.within(before + 5, before + 7);
  });

  it('is judged once per interval, and not once more after a status write', async () => {
    const all = await passed(() => WELL);
    await all.time.pass(2 * DAY);
    expect(all.looks.length).to.be.within(7, 9);
  });

  it('is not flagged for an expired exception when it would pass without it', async () => {
    const all = await passed(() => WELL);
    await all.time.pass(4 * DAY);
    expect(all.condition('Flagged')).to.equal('False NoneFlagged');
    expect(all.status().exceptions).to.deep.equal([]);
    expect(all.events).to.deep.equal([]);
  });

  it('is no longer judged after it was deleted', async () => {
    const all = await passed(() => ({ state: 'gone' }));
    await all.time.pass(DAY);
    expect(all.status().exceptions).to.deep.equal([]);
    await all.time.pass(4 * DAY);
    expect(all.condition('Flagged')).to.equal('False NoneFlagged');
  });

  it('is no longer flagged when it is promoted again without an exception', async () => {
    const all = await passed('no judge');
    await all.time.pass(4 * DAY);
    expect(all.condition('Flagged')).to.equal('True ExceptionExpired');
    all.fixture.fake = { candidates: candidates('1') };
    all.put({ metadata: { generation: 2 } });
    await all.time.pass(5_000);
    expect(all.condition('Flagged')).to.equal('False NoneFlagged');
  });

  it('is one of at most a hundred named in the status, and is counted', async () => {
    const others = Array.from({ length: 130 }, (_, index) => `old-${String(index)}`);
    const all = await passed((tag) => (tag.startsWith('old') ? VULNERABLE : WELL), { others });
    await all.time.pass(DAY);
    expect([all.status().flagged?.length, all.status().flaggedCut]).to.deep.equal([100, 30]);
    expect(all.flagged.at(-1)).to.equal(130);
  });

  it('is reported although the first write failed', async () => {
    const all = await passed((tag) => (tag === '2' ? VULNERABLE : WELL));
    const { writePromotionStatus } = all.ports;
    let refused = 0;
    Object.assign(all.ports, {
      writePromotionStatus: (...given: Parameters<typeof writePromotionStatus>) => {
        if (given[1].lastJudgement === undefined || refused > 0) return writePromotionStatus(...given);
        refused += 1;
        return Promise.resolve(no(503, 'Unavailable', 'busy'));
      },
    });
    await all.time.pass(6 * HOUR);
    expect(refused).to.equal(1);
    expect(all.condition('Flagged')).to.equal('True Vulnerable');
  });
});
