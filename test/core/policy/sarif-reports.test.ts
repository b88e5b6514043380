import { expect } from 'chai';
import { readVulnerabilities } from '../../../src/core/policy/reports/read.ts';

interface Log {
  readonly results: readonly unknown[];
  readonly rules?: readonly unknown[];
  readonly more?: object;
}

const log = ({ results, rules = [], more = {} }: Log) => ({
  version: '2.1.0',
  runs: [{ tool: { driver: { name: 'Scanner', version: '3.1', rules } }, results, ...more }],
});

function read(predicate: unknown) {
  const reported = readVulnerabilities({ predicateType: 'application/sarif+json', predicate });
  if (!reported) throw new Error('no vulnerability report');
  return reported;
}

/** The findings as `id severity package fixable`, or the reason why it is unreadable. */
function findings(predicate: unknown): readonly string[] | string {
  const reported = read(predicate);
  if ('unreadable' in reported) return reported.unreadable;
  return reported.findings.map(
    (one) => `${one.id} ${one.severity} ${one.package ?? '-'} ${one.fixable ? 'fixable' : 'unfixed'}`,
  );
}

const ID = 'CVE-2026-0001';
const rated = (properties: unknown, more: object = {}) =>
  findings(log({ rules: [{ id: ID, properties, ...more }], results: [{ ruleId: ID }] }));

describe('a SARIF log', () => {
  for (const [title, properties, severity] of [
    ['a score of 9.8', { 'security-severity': '9.8' }, 'Critical'],
    ['a score of 9', { 'security-severity': '9.0' }, 'Critical'],
    ['a score of 8.9', { 'security-severity': '8.9' }, 'High'],
    ['a score of 7', { 'security-severity': 7 }, 'High'],
    ['a score of 6.9', { 'security-severity': '6.9' }, 'Medium'],
    ['a score of 3.9', { 'security-severity': '3.9' }, 'Low'],
    ['a score before a tag', { 'security-severity': '5.5', tags: ['HIGH'] }, 'Medium'],
    ['a tag', { tags: ['vulnerability', 'security', 'HIGH'] }, 'High'],
    ['a tag when the score is zero', { 'security-severity': '0.0', tags: ['LOW'] }, 'Low'],
    ['a tag when the score is nonsense', { 'security-severity': 'NaN', tags: ['CRITICAL'] }, 'Critical'],
    ['neither', { tags: ['security'] }, 'Medium'],
    ['no properties', undefined, 'Medium'],
  ] as const) {
    it(`reads ${title} as ${severity}`, () => {
      expect(rated(properties)).to.deep.equal([`${ID} ${severity} - fixable`]);
    });
  }

  it('uses the level when no severity is given', () => {
    expect(rated({}, { defaultConfiguration: { level: 'error' } })).to.deep.equal([`${ID} High - fixable`]);
    expect(findings(log({ results: [{ ruleId: ID, level: 'note' }] }))).to.deep.equal([
      `${ID} Low - fixable`,
    ]);
  });

  it('prefers the severity of a result to that of its rule', () => {
    const rules = [{ id: ID, properties: { 'security-severity': '2.0' } }];
    const results = [{ ruleId: ID, properties: { 'security-severity': '9.5' } }];
    expect(findings(log({ rules, results }))).to.deep.equal([`${ID} Critical - fixable`]);
  });

  it('finds the rule of a result by its index too', () => {
    const rules = [{ id: 'CVE-2026-0009' }, { id: ID, properties: { 'security-severity': '9.5' } }];
    const expected = [`${ID} Critical - fixable`];
    for (const result of [{ ruleIndex: 1 }, { rule: { index: 1 } }, { rule: { id: ID } }]) {
      expect(findings(log({ rules, results: [result] }))).to.deep.equal(expected);
    }
  });

  it('reads package and fix from messages as scanners write them', () => {
    const text = (fixed: string) =>
      `Package: openssl\nInstalled Version: 3.0.1\nVulnerability ${ID}\nFixed Version: ${fixed}`;
    const result = (fixed: string) => log({ results: [{ ruleId: ID, message: { text: text(fixed) } }] });
    expect(findings(result('3.0.2'))).to.deep.equal([`${ID} Medium openssl fixable`]);
    expect(findings(result(''))).to.deep.equal([`${ID} Medium openssl unfixed`]);
  });

  for (const [written, expected] of [
    ['[HIGH] CVE-2026-0001', 'CVE-2026-0001 Medium - fixable'],
    ['CVE-2026-0001-openssl', 'CVE-2026-0001 Medium openssl fixable'],
    ['GHSA-aaaa-bbbb-cccc-left-pad', 'GHSA-aaaa-bbbb-cccc Medium left-pad fixable'],
    ['SNYK-1234', 'SNYK-1234 Medium - fixable'],
  ] as const) {
    it(`reads the rule id ${written}, so that exceptions can name it`, () => {
      expect(findings(log({ results: [{ ruleId: written }] }))).to.deep.equal([expected]);
    });
  }

  it('has no finding for a result that passes or is absent', () => {
    const results = [
      { ruleId: ID, kind: 'pass' },
      { ruleId: ID, kind: 'notApplicable' },
      { ruleId: ID, kind: 'informational' },
      { ruleId: ID, baselineState: 'absent' },
    ];
    expect(findings(log({ results }))).to.deep.equal([]);
    const open = [{ ruleId: ID, kind: 'review' }];
    expect(findings(log({ results: open }))).to.deep.equal([`${ID} Unknown - fixable`]);
  });

  it('ignores suppressions: a suppressed result is a finding', () => {
    const results = [{ ruleId: ID, suppressions: [{ kind: 'external', status: 'accepted' }] }];
    expect(findings(log({ results }))).to.deep.equal([`${ID} Medium - fixable`]);
  });

  it('reads the runs of all scanners, and uses the earliest of their times', () => {
    const runs = ['2026-06-14T03:00:00Z', '2026-06-10T03:00:00Z'].map((endTimeUtc, index) => ({
      tool: { driver: { name: `scanner-${String(index)}` } },
      results: [{ ruleId: `CVE-2026-000${String(index)}` }],
      invocations: [{ executionSuccessful: true, endTimeUtc }],
    }));
    const reported = read({ version: '2.1.0', runs });
    if ('unreadable' in reported) throw new Error(reported.unreadable);
    expect(reported.findings.map(({ id }) => id)).to.deep.equal(['CVE-2026-0000', 'CVE-2026-0001']);
    expect(reported.scannedAt).to.deep.equal(new Date('2026-06-10T03:00:00Z'));
    expect(reported.scanner).to.equal('scanner-0, scanner-1');
  });

  for (const [title, predicate, why] of [
    ['without run', { version: '2.1.0', runs: [] }, /at runs/],
    ['of another version', { ...log({ results: [] }), version: '1.0.0' }, /at version/],
    ['whose run has no results', log({ results: [], more: { results: undefined } }), /at runs\.0\.results/],
    [
      'of a scan that failed',
      log({ results: [], more: { invocations: [{ executionSuccessful: false }] } }),
      /failed/,
    ],
    ['with a result without rule', log({ results: [{ level: 'error' }] }), /without rule/],
    ['with a rule that cannot be read', log({ rules: [{}], results: [] }), /rule 1 cannot be read at id/],
    ['with a score that is no text', rating({ 'security-severity': {} }), /security-severity/],
    ['without scanner', { version: '2.1.0', runs: [{ tool: {}, results: [] }] }, /at runs\.0\.tool/],
    [
      'with too many results',
      log({ results: Array.from({ length: 30_001 }, () => ({ ruleId: ID })) }),
      /30000/,
    ],
    ['with too many results in several runs', manyRuns(), /30000/],
  ] as const) {
    it(`${title} is unreadable, which is not one without findings`, () => {
      expect(findings(predicate)).to.match(why);
    });
  }
});

function rating(properties: unknown): unknown {
  return log({ rules: [{ id: ID, properties }], results: [{ ruleId: ID }] });
}

function manyRuns(): unknown {
  const run = log({ results: Array.from({ length: 20_000 }, () => ({ ruleId: ID })) }).runs[0];
  return { version: '2.1.0', runs: [run, run, run] };
}
