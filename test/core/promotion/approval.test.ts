import { expect } from 'chai';
import { digestOf } from '../../../src/core/model/index.ts';
import { decisionFor, type Approval } from '../../../src/core/promotion/index.ts';

const NOW = new Date('2026-03-02T12:00:00Z');
const digest = digestOf('image');
const wanted = {
  runName: 'run-1',
  digest,
  gateHash: 'hash',
  now: NOW,
  blocking: ['CVE-2026-1', 'CVE-2026-2'],
};
const approval = (approver: string, more: Partial<Approval> = {}): Approval => ({
  runName: 'run-1',
  digest,
  gateHash: 'hash',
  approver,
  decision: 'Approve',
  waive: [],
  reason: 'seen',
  until: new Date('2026-12-31T00:00:00Z'),
  ...more,
});
/** The approver whose decision counts, in every order of the approvals. */
const whose = (...approvals: readonly Approval[]) => {
  const chosen = [approvals, approvals.toReversed()].map((all) => decisionFor(all, wanted)?.approver);
  expect(chosen[0]).to.equal(chosen[1]);
  return chosen[0];
};

describe('the approval that counts', () => {
  it('is the one that leaves the fewest findings', () => {
    const one = approval('jane', { waive: ['CVE-2026-1', 'CVE-2026-9', 'CVE-2026-8'] });
    const both = approval('alice', {
      waive: ['cve-2026-1', 'CVE-2026-2'],
      until: new Date('2026-03-03T00:00:00Z'),
    });
    expect(whose(one, both)).to.equal('alice');
  });

  it('is the one that is valid longest, of two that leave the same findings', () => {
    const short = approval('alice', { until: new Date('2026-03-03T00:00:00Z') });
    expect(whose(short, approval('jane'))).to.equal('jane');
  });

  it('is always the same one of two equal ones', () => {
    expect(whose(approval('jane'), approval('alice'))).to.equal('alice');
  });

  it('is a denial, whatever others approve', () => {
    const all = approval('jane', { waive: ['CVE-2026-1', 'CVE-2026-2'] });
    expect(whose(all, approval('joe', { decision: 'Deny' }))).to.equal('joe');
  });

  for (const [what, more] of [
    ['of another run', { runName: 'run-2' }],
    ['about another image', { digest: digestOf('other') }],
    ['about other findings', { gateHash: 'other' }],
    ['that has ended', { until: new Date('2026-03-01T00:00:00Z') }],
  ] as const)
    it(`is none ${what}`, () => {
      expect(whose(approval('jane', more))).to.equal(undefined);
      expect(whose(approval('jane', { ...more, decision: 'Deny' }), approval('alice'))).to.equal('alice');
    });
});
