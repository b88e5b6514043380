import { expect } from 'chai';
import type { Evidence, Referrer } from '../../../../src/core/model/index.ts';
import {
  ABSENT,
  UNKNOWN_FACT,
  evidenceOf,
  found,
  inShort,
  policyOf,
  referrerOf,
  verdictOf,
  type WrittenSpec,
} from '../../../support/policies.ts';

const EOL = 'org.opencontainers.image.support.end-of-life';
const EOS = 'dev.pratique.lifecycle.end-of-support';
const TYPE = 'application/vnd.pratique.lifecycle.v1+json';
const unread: Referrer = { state: 'unread', reason: UNKNOWN_FACT.reason, transient: true };

const verdict = (evidence: Evidence, spec: WrittenSpec = {}, now = '2026-06-15T12:00:00Z') =>
  verdictOf([policyOf({ require: { lifecycle: spec } })], { evidence, now: new Date(now) });
const judge = (...given: Parameters<typeof verdict>) => inShort(verdict(...given));
const ending = (date: string, key = EOL) => evidenceOf({ annotations: { [key]: date } });
const referred = (...referrers: Referrer[]) => evidenceOf({ referrers: found(referrers) });

describe('past end of life', () => {
  for (const [title, date, now, expected] of [
    ['exactly today: still in', '2026-06-15', '2026-06-15T23:59:59.999Z', 'warn EndOfLifeNear'],
    ['a moment after today', '2026-06-15', '2026-06-16T00:00:00Z', 'deny PastEndOfLife'],
    ['the very moment: still in', '2026-06-15T12:00:00Z', '2026-06-15T12:00:00Z', 'warn EndOfLifeNear'],
    ['a moment later', '2026-06-15T12:00:00Z', '2026-06-15T12:00:00.001Z', 'deny PastEndOfLife'],
    ['another zone, over', '2026-06-15T13:00:00+02:00', '2026-06-15T12:00:00Z', 'deny PastEndOfLife'],
    ['another zone, not over', '2026-06-15T11:00:00-02:00', '2026-06-15T12:00:00Z', 'warn EndOfLifeNear'],
    ['far away', '2030-01-01', '2026-06-15T12:00:00Z', 'allow'],
    ['a day too far for a warning', '2026-07-16', '2026-06-15T12:00:00Z', 'allow'],
    ['just near enough for a warning', '2026-07-15T12:00:00Z', '2026-06-15T12:00:00Z', 'warn EndOfLifeNear'],
  ] as const) {
    it(`S12: ${title}`, () => {
      expect(judge(ending(date), {}, now)).to.equal(expected);
    });
  }

  it('an image without a date has no finding', () => {
    expect(judge(evidenceOf())).to.equal('allow');
  });

  for (const key of [
    EOL,
    'vnd.microsoft.artifact.lifecycle.end-of-life.date',
    'dev.pratique.lifecycle.end-of-life',
  ]) {
    it(`reads the annotation ${key} by default`, () => {
      expect(judge(ending('2026-01-01', key))).to.equal('deny PastEndOfLife');
    });
  }

  for (const type of [TYPE, 'application/vnd.microsoft.artifact.lifecycle']) {
    it(`reads referrers of type ${type} by default`, () => {
      expect(judge(referred(referrerOf(type, { [EOL]: '2026-01-01' })))).to.equal('deny PastEndOfLife');
    });
  }

  it('a referrer of another type is not read', () => {
    expect(judge(referred(referrerOf('application/x', { [EOL]: '2026-01-01' })))).to.equal('allow');
  });

  it('S12: of conflicting referrers and annotations the earliest date wins', () => {
    const [early, late] = ['2026-01-01', '2030-01-01'].map((date) => referrerOf(TYPE, { [EOL]: date }));
    expect(judge(referred(late!, early!))).to.equal('deny PastEndOfLife');
    expect(judge(referred(early!, late!))).to.equal('deny PastEndOfLife');
    const both = { ...ending('2030-01-01'), referrers: found([early!]) };
    expect(verdict(both).findings[0]?.found).to.match(/^ended 2026-01-01, says referrer sha256:/);
    const reversed = { ...ending('2026-01-01'), referrers: found([late!]) };
    expect(verdict(reversed).findings[0]?.found).to.equal(`ended 2026-01-01, says annotation ${EOL}`);
  });

  it('the end of support refuses only if the policy sets that, at the earlier of both dates', () => {
    const evidence = evidenceOf({ annotations: { [EOS]: '2026-01-01', [EOL]: '2030-01-01' } });
    expect(judge(evidence)).to.equal('allow');
    expect(judge(evidence, { refuse: 'EndOfSupport' })).to.equal('deny PastEndOfSupport');
    const over = evidenceOf({ annotations: { [EOS]: '2026-02-01', [EOL]: '2026-01-01' } });
    expect(judge(over, { refuse: 'EndOfSupport' })).to.equal('deny PastEndOfLife');
  });

  it('the image is refused when the grace period has ended', () => {
    expect(judge(ending('2026-06-13'), { gracePeriod: '48h' })).to.equal('warn EndOfLifeNear');
    expect(judge(ending('2026-06-12'), { gracePeriod: '48h' })).to.equal('deny PastEndOfLife');
  });

  it('the finding names the newest image of the line when it is known, and general advice when not', () => {
    const next = (evidence: Evidence) => verdict(evidence).findings[0]?.next;
    expect(next({ ...ending('2026-01-01'), successor: found({ tag: '1.6.2' }) })).to.equal(
      'newest in this line: 1.6.2',
    );
    expect(next({ ...ending('2026-01-01'), successor: UNKNOWN_FACT })).to.equal(
      'move to a supported image of this line',
    );
    expect(next({ ...ending('2026-06-20'), successor: found({ tag: '1.6.2' }) })).to.equal(
      'newest in this line: 1.6.2',
    );
  });
});

describe('past end of life, with unreadable evidence', () => {
  const dated = referrerOf(TYPE, { [EOL]: 'soon' });

  it('S12: an unreadable date is unknown, never absent', () => {
    expect(judge(ending('soon'))).to.equal('unknown UnreadableDate');
    expect(judge(referred(dated))).to.equal('unknown UnreadableDate');
    expect(verdict(ending('soon')).findings[0]).to.include({
      transient: false,
      found: `no date can be read in annotation ${EOL}; write 2026-12-31 or 2026-12-31T00:00:00Z`,
    });
  });

  it('S12: an unreadable date stays unknown beside a valid later date', () => {
    expect(judge({ ...ending('2030-01-01'), referrers: found([dated]) })).to.equal('unknown UnreadableDate');
  });

  it('S12: an image past its date is refused, whatever else is unreadable', () => {
    expect(judge({ ...ending('2026-01-01'), referrers: found([dated]) })).to.equal('deny PastEndOfLife');
    expect(judge({ ...ending('2026-01-01'), referrers: UNKNOWN_FACT })).to.equal('deny PastEndOfLife');
  });

  it('referrers that could not be listed or read may claim an earlier date', () => {
    expect(judge({ ...ending('2030-01-01'), referrers: UNKNOWN_FACT })).to.equal(
      'unknown RegistryUnavailable',
    );
    expect(judge({ ...ending('2030-01-01'), referrers: found([unread]) })).to.equal(
      'unknown RegistryUnavailable',
    );
    expect(judge(evidenceOf({ manifest: UNKNOWN_FACT }))).to.equal('unknown RegistryUnavailable');
  });

  it('a required date counts as missing only when everything was read', () => {
    expect(judge(evidenceOf(), { required: true })).to.equal('deny LifecycleMissing');
    expect(judge(evidenceOf({ referrers: UNKNOWN_FACT }), { required: true })).to.equal(
      'unknown RegistryUnavailable',
    );
    expect(judge(ending('2030-01-01'), { required: true })).to.equal('allow');
  });

  it('an end of support does not satisfy a required end of life', () => {
    expect(judge(ending('2030-01-01', EOS), { required: true })).to.equal('deny LifecycleMissing');
  });

  it('an image that does not exist is not found', () => {
    expect(judge(evidenceOf({ manifest: ABSENT }))).to.equal('deny ImageNotFound');
  });
});
