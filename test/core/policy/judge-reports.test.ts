import { expect } from 'chai';
import * as fc from 'fast-check';
import {
  judgeVulnerabilities,
  type VulnerabilityException,
  type VulnerabilityRule,
} from '../../../src/core/policy/reports/judge.ts';
import type { VulnerabilityFinding } from '../../../src/core/policy/reports/report.ts';
import { SEVERITIES, type Severity } from '../../../src/core/policy/reports/severity.ts';

const NOW = new Date('2026-06-15T12:00:00Z');
const finding = (number: number, severity: Severity, fixable = true): VulnerabilityFinding => ({
  id: `CVE-2026-000${String(number)}`,
  severity,
  fixable,
});
const exception = (more: Partial<VulnerabilityException> = {}): VulnerabilityException => ({
  id: 'CVE-2026-0001',
  reason: 'not reachable',
  appliesToImage: true,
  ...more,
});

/** Unknown severities have tests of their own. */
const RULE: VulnerabilityRule = {
  failOn: 'High',
  fixableOnly: false,
  unknownSeverity: 'Ignore',
  unsupported: 'Unknown',
  exceptions: [],
  now: NOW,
};

function judge(findings: readonly VulnerabilityFinding[], rule: Partial<VulnerabilityRule> = {}) {
  return judgeVulnerabilities({ findings, unexamined: [] }, { ...RULE, ...rule });
}

const ids = (findings: readonly VulnerabilityFinding[]) => findings.map(({ id }) => id.slice(-1)).join('');
const ALL = SEVERITIES.map((severity, index) => finding(index, severity));

describe('a vulnerability', () => {
  for (const [failOn, blocking] of [
    ['Critical', '4'],
    ['High', '43'],
    ['Medium', '432'],
    ['Low', '4321'],
    ['Unknown', '43210'],
  ] as const) {
    it(`blocks from ${failOn} up, worst first`, () => {
      expect(ids(judge(ALL, { failOn }).blocking)).to.equal(blocking);
    });
  }

  it('without a fix does not block when only fixable ones do', () => {
    const both = [finding(1, 'Critical', false), finding(2, 'High')];
    expect(ids(judge(both, { fixableOnly: true }).blocking)).to.equal('2');
    expect(ids(judge(both).blocking)).to.equal('12');
  });

  for (const [title, one, blocks, expired] of [
    ['without end', exception(), false, 0],
    ['that ends later', exception({ until: new Date('2026-06-15T23:59:59.999Z') }), false, 0],
    ['that ends this moment', exception({ until: NOW }), false, 0],
    ['that has ended', exception({ until: new Date(NOW.getTime() - 1) }), true, 1],
    ['whose end is no date', exception({ until: new Date(NaN) }), true, 1],
    ['for other images', exception({ appliesToImage: false }), true, 0],
    ['for another vulnerability', exception({ id: 'CVE-2026-0002' }), true, 0],
    ['for another vulnerability that begins alike', exception({ id: 'CVE-2026-00011' }), true, 0],
    ['in small letters', exception({ id: ' cve-2026-0001 ' }), false, 0],
  ] as const) {
    it(`is ${blocks ? 'not ' : ''}excepted by an exception ${title}`, () => {
      const judged = judge([finding(1, 'High')], { exceptions: [one] });
      expect(judged.blocking).to.have.length(blocks ? 1 : 0);
      expect(judged.excepted.map(({ exception: by }) => by)).to.deep.equal(blocks ? [] : [one]);
      expect(judged.expiredExceptions).to.have.length(expired);
    });
  }

  it('is excepted when one of several exceptions is still valid, and then no expired exception is reported', () => {
    const old = exception({ until: new Date(0), reason: 'old' });
    const judged = judge([finding(1, 'High')], { exceptions: [old, exception()] });
    expect(judged).to.deep.include({ blocking: [], expiredExceptions: [] });
    expect(judged.excepted[0]?.exception.reason).to.equal('not reachable');
  });

  it('is excepted in every package it is in', () => {
    const both = ['a', 'b'].map((name) => ({ ...finding(1, 'High'), package: name }));
    expect(judge(both, { exceptions: [exception()] }).excepted).to.have.length(2);
  });

  it('that does not block needs no exception', () => {
    const judged = judge([finding(1, 'Low')], { exceptions: [exception({ until: new Date(0) })] });
    expect(judged).to.deep.equal({ blocking: [], excepted: [], expiredExceptions: [], unexamined: [] });
  });

  it('is either blocking or excepted, and a stricter rule never blocks less', () => {
    const findings = fc.array(
      fc.record({
        id: fc.constantFrom('CVE-2026-0001', 'CVE-2026-0002'),
        severity: fc.constantFrom(...SEVERITIES),
        fixable: fc.boolean(),
      }),
    );
    const exceptions = fc.array(
      fc.constantFrom(exception(), exception({ until: new Date(0) }), exception({ appliesToImage: false })),
    );
    fc.assert(
      fc.property(findings, exceptions, fc.constantFrom(...SEVERITIES), (all, some, failOn) => {
        const judged = judge(all, { exceptions: some, failOn });
        const severe = all.filter(
          ({ severity }) => SEVERITIES.indexOf(severity) >= SEVERITIES.indexOf(failOn),
        );
        expect(judged.blocking.length + judged.excepted.length).to.equal(severe.length);
        expect(judge(all, { failOn }).blocking.length).to.be.at.least(judged.blocking.length);
        expect(judge(all, { failOn, exceptions: some, fixableOnly: true }).blocking.length).to.be.at.most(
          judged.blocking.length,
        );
      }),
    );
  });
});
