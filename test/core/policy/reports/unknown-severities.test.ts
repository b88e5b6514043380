import { expect } from 'chai';
import { judgeVulnerabilities, type VulnerabilityRule } from '../../../../src/core/policy/reports/judge.ts';
import { readVulnerabilities } from '../../../../src/core/policy/reports/read.ts';
import { describeSeverity } from '../../../../src/core/policy/reports/severity.ts';
import { TRIVY } from '../proven.ts';

const ID = 'CVE-2026-0001';
const IN_TOTO = 'https://in-toto.io/attestation/vulns/v0.2';
const COSIGN = 'https://cosign.sigstore.dev/attestation/vuln/v1';
const SARIF = 'application/sarif+json';
const RULE: VulnerabilityRule = {
  failOn: 'Critical',
  fixableOnly: false,
  unknownSeverity: 'Block',
  unsupported: 'Unknown',
  exceptions: [],
  now: new Date('2026-06-15T12:00:00Z'),
};

type Statement = Parameters<typeof readVulnerabilities>[0];

function judge(statement: Statement, rule: Partial<VulnerabilityRule> = {}) {
  const report = readVulnerabilities(statement);
  if (!report || 'unreadable' in report) throw new Error(report?.unreadable ?? 'no report');
  return judgeVulnerabilities(report, { ...RULE, ...rule });
}

/** How what blocks under the highest threshold is described; nothing where nothing blocks. */
const blocking = (statement: Statement, rule: Partial<VulnerabilityRule> = {}) =>
  judge(statement, rule).blocking.map(describeSeverity).join();

const trivy = (severity: unknown, ...more: readonly unknown[]): Statement => ({
  predicateType: TRIVY,
  predicate: {
    SchemaVersion: 2,
    Results: [
      {
        Class: 'os-pkgs',
        Vulnerabilities: [severity, ...more].map((Severity) => ({
          VulnerabilityID: ID,
          PkgName: 'musl',
          Severity,
        })),
      },
    ],
  },
});
const grype = (severity: unknown): Statement => ({
  predicateType: COSIGN,
  predicate: { matches: [{ vulnerability: { id: ID, severity } }] },
});
const inToto = (...severity: readonly unknown[]): Statement => ({
  predicateType: IN_TOTO,
  predicate: { scanner: { result: [{ id: ID, severity }] } },
});
const cvss = (score: unknown) => ({ method: 'cvss_v3', score });

interface Log {
  readonly result?: object;
  readonly rule?: object;
  readonly more?: object;
}
const sarif = ({ result = {}, rule = {}, more = {} }: Log = {}): Statement => ({
  predicateType: SARIF,
  predicate: {
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'x', rules: [{ id: ID, ...rule }] } },
        results: [{ ruleId: ID, ...result }],
        ...more,
      },
    ],
  },
});

const CRITICAL_VECTOR = 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H';
const LOW_VECTOR = 'CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N';
const UNKNOWN = 'of unknown severity';

describe('a severity that cannot be read', () => {
  for (const [title, statement] of [
    ['Trivy: UNKNOWN', trivy('UNKNOWN')],
    ['Trivy: absent', trivy(undefined)],
    ['Trivy: null', trivy(null)],
    ['Trivy: empty', trivy('')],
    ['Trivy: none', trivy('NONE')],
    ['Trivy: a number as text', trivy('9.8')],
    ['Trivy: a word that is none', trivy('severe')],
    ['Trivy: a word with a letter of another alphabet', trivy('LОW')],
    ['Grype: Unknown', grype('Unknown')],
    ['Grype: absent', grype(undefined)],
    ['Grype: none', grype('None')],
    ['in-toto: of ten', inToto(cvss('9.8/10'))],
    ['in-toto: NaN', inToto(cvss('NaN'))],
    ['in-toto: negative', inToto(cvss('-1'))],
    ['in-toto: more than ten', inToto(cvss(10.1))],
    ['in-toto: zero', inToto(cvss(0))],
    ['in-toto: with an exponent', inToto(cvss('1e-1'))],
    ['in-toto: with a comma', inToto(cvss('9,8'))],
    ['in-toto: hexadecimal', inToto(cvss('0x2'))],
    ['in-toto: infinite', inToto(cvss('Infinity'))],
    [
      'in-toto: a vector of CVSS 4',
      inToto(cvss('CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N')),
    ],
    ['in-toto: a vector of CVSS 2', inToto(cvss('AV:N/AC:L/Au:N/C:C/I:C/A:C'))],
    ['in-toto: a vector without effect', inToto(cvss(LOW_VECTOR.replace('C:L', 'C:N')))],
    ['in-toto: only a probability', inToto({ method: 'EPSS', score: '0.97' })],
    ['in-toto: a rating without score', inToto({ method: 'cvss_v3' })],
    ['in-toto: no rating', inToto()],
    ['SARIF: level none', sarif({ result: { level: 'none' } })],
    ['SARIF: a level that is none of the four', sarif({ result: { level: 'fatal' } })],
    ['SARIF: a level that is a word of the language', sarif({ result: { level: 'constructor' } })],
    ['SARIF: a level in capitals', sarif({ result: { level: 'NOTE' } })],
    ['SARIF: to be reviewed, without level', sarif({ result: { kind: 'review' } })],
    [
      'SARIF: score of ten',
      sarif({ rule: { properties: { 'security-severity': '9.8/10' } }, result: { level: 'note' } }),
    ],
    [
      'SARIF: score zero, as Trivy writes UNKNOWN',
      sarif({
        rule: {
          defaultConfiguration: { level: 'note' },
          properties: { 'security-severity': '0.0', tags: ['vulnerability', 'UNKNOWN'] },
        },
        result: { level: 'note' },
      }),
    ],
    [
      'SARIF: score zero alone',
      sarif({ rule: { properties: { 'security-severity': '0.0' } }, result: { level: 'note' } }),
    ],
    [
      'SARIF: tag unknown alone',
      sarif({ rule: { properties: { tags: ['Unknown'] } }, result: { level: 'note' } }),
    ],
    [
      'SARIF: a level that the run overrides',
      sarif({
        rule: { defaultConfiguration: { level: 'note' } },
        more: {
          invocations: [
            {
              executionSuccessful: true,
              ruleConfigurationOverrides: [{ configuration: { level: 'error' } }],
            },
          ],
        },
      }),
    ],
    [
      'SARIF: a rule of an extension, not the one of that number here',
      sarif({
        rule: { properties: { 'security-severity': '2.0' } },
        result: { rule: { id: ID, index: 0, toolComponent: { index: 0 } } },
      }),
    ],
    [
      'SARIF: a rule of an extension',
      sarif({
        rule: { defaultConfiguration: { level: 'note' } },
        result: { rule: { id: ID, index: 0, toolComponent: { index: 0 } } },
      }),
    ],
  ] as const) {
    it(`O10: blocks at every threshold: ${title}`, () => {
      for (const failOn of ['Low', 'Medium', 'High', 'Critical'] as const)
        expect(blocking(statement, { failOn })).to.equal(UNKNOWN);
      expect(blocking(statement, { unknownSeverity: 'Ignore', failOn: 'Low' })).to.equal('');
    });
  }

  it('O10: is a finding like any other for exceptions, and for what can be fixed', () => {
    const exception = { id: ID, reason: 'not reachable', appliesToImage: true };
    const judged = judge(trivy('UNKNOWN'), { exceptions: [exception] });
    expect([judged.blocking.length, judged.excepted.length]).to.deep.equal([0, 1]);
    expect(blocking(trivy('UNKNOWN'), { fixableOnly: true })).to.equal('');
    expect(blocking(inToto(), { fixableOnly: true })).to.equal(UNKNOWN);
  });

  it('O10: blocks also under a rule that does not name it', () => {
    const rule = { ...RULE, unknownSeverity: undefined } as unknown as VulnerabilityRule;
    const findings = [{ id: ID, severity: 'Unknown', fixable: true }] as const;
    const judged = judgeVulnerabilities({ findings, unexamined: [] }, rule);
    expect(judged.blocking).to.have.length(1);
  });

  for (const [title, statement, expected] of [
    ['a vector of CVSS 3.1', inToto(cvss(CRITICAL_VECTOR)), 'Critical'],
    ['a low vector', inToto(cvss(LOW_VECTOR)), ''],
    [
      'a vector as score in SARIF',
      sarif({ rule: { properties: { 'security-severity': CRITICAL_VECTOR } } }),
      'Critical',
    ],
    ['a vector as severity in Trivy', trivy(CRITICAL_VECTOR), UNKNOWN],
  ] as const) {
    it(`O11: ${title} ${expected === '' ? 'counts by its base score' : `is ${expected}`}`, () => {
      expect(blocking(statement)).to.equal(expected);
    });
  }

  for (const [title, log, expected] of [
    ['is a warning without level', {}, 'Medium'],
    ['has the level of its rule', { rule: { defaultConfiguration: { level: 'error' } } }, 'High'],
    [
      'has its own level before that of its rule',
      { rule: { defaultConfiguration: { level: 'note' } }, result: { level: 'error' } },
      'High',
    ],
    ['is a warning when its rule has no level', { rule: { defaultConfiguration: {} } }, 'Medium'],
    ['is a warning when its rule is not listed', { rule: { id: 'CVE-2026-0002' } }, 'Medium'],
    [
      'has the level of the rule that its id begins with',
      { rule: { defaultConfiguration: { level: 'error' } }, result: { ruleId: `${ID}/musl/1` } },
      'High',
    ],
    ['is a warning when its level is null', { result: { level: null } }, 'Medium'],
    [
      'has its own level where the run overrides others',
      {
        result: { level: 'warning' },
        more: { invocations: [{ ruleConfigurationOverrides: [{ configuration: { level: 'error' } }] }] },
      },
      'Medium',
    ],
  ] as const) {
    it(`O12: a result of SARIF ${title}`, () => {
      expect(blocking(sarif(log), { failOn: 'Low' })).to.equal(expected);
    });
  }

  const orWorse = (severity: string) => `of unknown severity, ${severity} or worse`;
  for (const [title, statement, expected] of [
    ['the worst of two scores', inToto(cvss('2.0'), cvss('9.8')), 'Critical'],
    [
      'the worst of a word and a score',
      inToto({ method: 'nvd', score: 'Critical' }, cvss('2.0')),
      'Critical',
    ],
    ['an unreadable one beside a low one', inToto(cvss('2.0'), cvss('9.8/10')), orWorse('Low')],
    ['an unreadable one beside a high one', inToto(cvss('CVSS:4.0/AV:N'), cvss('7.5')), orWorse('High')],
    ['an unreadable one beside the worst changes nothing', inToto(cvss('?'), cvss('9.8')), 'Critical'],
    [
      'a probability beside a low one is no severity',
      inToto(cvss('2.0'), { method: 'epss', score: '0.97' }),
      '',
    ],
    ['a number on an unknown scale', inToto({ method: 'qualys', score: '5' }), orWorse('Medium')],
    [
      'a number on an unknown scale that is the worst of all',
      inToto({ method: 'acme', score: 9.8 }),
      'Critical',
    ],
    [
      'a critical one by a method that is named like a probability',
      inToto(cvss('2.0'), { method: 'cvss-without-epss', score: '9.8' }),
      'Critical',
    ],
    ['a decision beside a low one is no severity', inToto(cvss('2.0'), { method: 'SSVC', score: 'Act' }), ''],
    ['the same finding twice in Trivy', trivy('LOW', 'UNKNOWN'), orWorse('Low')],
    ['the same finding three times in Trivy', trivy('UNKNOWN', 'LOW', 'MEDIUM'), orWorse('Medium')],
    ['the same finding twice in Trivy, once critical', trivy('UNKNOWN', 'CRITICAL'), 'Critical'],
    [
      'a nonsense score beside a tag in SARIF',
      sarif({ rule: { properties: { 'security-severity': '?', tags: ['LOW'] } } }),
      orWorse('Low'),
    ],
    [
      'a score of the result beside one of its rule in SARIF',
      sarif({
        rule: { properties: { 'security-severity': '9.8' } },
        result: { properties: { 'security-severity': '2.0' } },
      }),
      'Critical',
    ],
    ['two tags in SARIF', sarif({ rule: { properties: { tags: ['LOW', 'UNKNOWN'] } } }), orWorse('Low')],
    ['a score between two severities counts as the worse one', inToto(cvss('8.95')), 'Critical'],
  ] as const) {
    it(`O13: of several ratings: ${title}`, () => {
      expect(blocking(statement)).to.equal(expected);
    });
  }

  it('O13: what can be read still counts when unknown severities are ignored', () => {
    const statement = inToto(cvss('7.5'), cvss('?'));
    expect(blocking(statement, { unknownSeverity: 'Ignore', failOn: 'High' })).to.equal(orWorse('High'));
    expect(blocking(statement, { unknownSeverity: 'Ignore' })).to.equal('');
  });
});
