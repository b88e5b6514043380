import { expect } from 'chai';
import type { Evidence, Signature, StatementClaim } from '../../../../src/core/model/index.ts';
import {
  ABSENT,
  authority,
  UNKNOWN_FACT,
  evidenceOf,
  found,
  inShort,
  policyOf,
  provenBy,
  verdictOf,
  type WrittenSpec,
} from '../../../support/policies.ts';
import { signingKey } from '../../../support/signing.ts';
import { reportOf, statementOf, TRIVY, unsignedOf } from '../proven.ts';

const [key, stranger] = [signingKey(), signingKey()];
const signed = (says: StatementClaim) => provenBy(key, says);
const JUNE_AT = '2026-06-14T00:00:00Z';
const BAD = [['CVE-2026-0001', 'CRITICAL']] as const;
const clean = (at?: string) => signed(reportOf(at));
const bad = (at?: string) => signed(reportOf(at, BAD));
const broken = signed(statementOf(TRIVY, { SchemaVersion: 2, Results: 'none' }));
const VULN = 'https://cosign.sigstore.dev/attestation/vuln/v1';
const approved = { approved: true, approver: 'octocat', issue: '', cves: ['CVE-2026-0001'] };
const override = signed(
  statementOf(VULN, { scanner: { name: 'cssc-override', version: 'n/a' }, override: approved }),
);
const marked = (() => {
  const says = reportOf(JUNE_AT, BAD);
  const result = says.predicate;
  return statementOf(VULN, { scanner: { uri: 'trivy', result }, override: approved });
})();
const [MAY, JUNE, LATER] = ['2026-05-01T00:00:00Z', '2026-06-14T00:00:00Z', '2026-06-15T12:06:00Z'];
const AGED = { maxReportAge: '72h' };
const UNSIGNED = { trust: 'Unsigned', from: [] };

function verdict(signatures: readonly Signature[], more: WrittenSpec = {}, facts: Partial<Evidence> = {}) {
  const vulnerabilities = { from: ['ci'], ...more };
  const policy = policyOf({ authorities: [authority('ci', key)], require: { vulnerabilities } });
  return verdictOf([policy], { evidence: evidenceOf({ signatures: found(signatures), ...facts }) });
}

describe('vulnerable', () => {
  const unread: Signature = { state: 'unread', reason: UNKNOWN_FACT.reason, transient: true };
  const table: readonly [title: string, signatures: Signature[], expected: string, more?: WrittenSpec][] = [
    ['no report', [], 'deny ReportMissing'],
    ['a clean report', [clean(JUNE)], 'allow'],
    ['a report with findings', [bad(JUNE)], 'deny Vulnerable'],
    ['a report by a stranger', [provenBy(stranger, reportOf(JUNE))], 'deny ReportMissing'],
    [
      'a statement of another kind',
      [signed(statementOf('https://slsa.dev/provenance/v1'))],
      'deny ReportMissing',
    ],
    ['a signature of the image', [provenBy(key)], 'deny ReportMissing'],
    ['the newest counts: clean', [bad(MAY), clean(JUNE)], 'allow'],
    ['the newest counts: with findings', [bad(JUNE), clean(MAY)], 'deny Vulnerable'],
    ['of one time, all count', [clean(JUNE), bad(JUNE)], 'deny Vulnerable'],
    ['of no time, all count', [clean(), bad()], 'deny Vulnerable'],
    ['S12: too old', [clean(MAY)], 'deny ReportTooOld', AGED],
    ['S12: without time', [clean()], 'deny ReportTooOld', AGED],
    ['S12: with a time that cannot be read', [clean('yesterday')], 'deny ReportTooOld', AGED],
    ['S12: without time where age does not matter', [clean()], 'allow'],
    ['S12: with a time that cannot be read where age does not matter', [clean('yesterday')], 'allow'],
    ['S12: from the future', [clean(LATER)], 'deny ReportTooOld', AGED],
    ['S12: from the future where age does not matter', [clean(LATER), bad(JUNE)], 'deny ReportTooOld'],
    ['S12: ahead by no more than clocks differ', [clean('2026-06-15T12:04:00Z')], 'allow', AGED],
    ['P32: only a record that a person let it pass without a scan', [override], 'deny ReportMissing'],
    ['P32: such a record beside a report with findings', [bad(MAY), override], 'deny Vulnerable'],
    ['P32: such a record beside a clean report', [clean(JUNE), override], 'allow'],
    ['P32: a report that also has such a field', [signed(marked)], 'deny Vulnerable'],
    ['S07: unreadable', [broken], 'unknown UnreadableEvidence'],
    ['S07: unreadable beside a clean one', [clean(JUNE), broken], 'unknown UnreadableEvidence'],
    ['S07: unreadable beside one with findings', [broken, bad(JUNE)], 'deny Vulnerable'],
    [
      'S07: unreadable by a stranger does not matter',
      [clean(JUNE), provenBy(stranger, broken.state === 'proven' ? broken.says : undefined)],
      'allow',
    ],
    ['S07: unreadable and not signed', [clean(JUNE), unsignedOf(statementOf(TRIVY, {}))], 'allow'],
    ['H12: something unread, and no report', [unread], 'unknown RegistryUnavailable'],
    ['S01: a report that is not signed', [unsignedOf(reportOf(JUNE))], 'deny ReportMissing'],
    ['trust Unsigned: it counts', [unsignedOf(reportOf(JUNE))], 'allow', UNSIGNED],
    ['trust Unsigned: what it finds counts', [unsignedOf(reportOf(JUNE, BAD))], 'deny Vulnerable', UNSIGNED],
    [
      'trust Unsigned: a signed one is newer',
      [unsignedOf(reportOf(MAY, BAD)), clean(JUNE)],
      'allow',
      { trust: 'Unsigned' },
    ],
  ];
  const empty = (at: string) => signed(statementOf(TRIVY, { SchemaVersion: 2, CreatedAt: at }));
  const beside: typeof table = [
    ['O16: what was not examined', [empty(JUNE)], 'unknown ScanIncomplete'],
    [
      'O16: what was not examined beside a report of the same time',
      [clean(JUNE), empty(JUNE)],
      'unknown ScanIncomplete',
    ],
    ['O16: what was not examined beside findings', [empty(JUNE), bad(JUNE)], 'deny Vulnerable'],
    ['O16: an older report that did not examine it does not count', [empty(MAY), clean(JUNE)], 'allow'],
    [
      'O16: an older report that is clean does not count',
      [clean(MAY), empty(JUNE)],
      'unknown ScanIncomplete',
    ],
  ];
  for (const [title, signatures, expected, more] of [...table, ...beside]) {
    it(title, () => {
      expect(inShort(verdict(signatures, more))).to.equal(expected);
      expect(inShort(verdict(signatures.toReversed(), more))).to.equal(expected);
    });
  }

  const text = (...given: Parameters<typeof verdict>) => verdict(...given).findings[0]?.found;

  it('S01: the refusal mentions an unsigned report', () => {
    expect(text([unsignedOf(reportOf(JUNE))])).to.equal(
      'no vulnerability report by authority "ci"; 1 found that is not signed',
    );
  });

  it('the refusal names the findings, five at most', () => {
    const many = Array.from({ length: 7 }, (_, index) => [`CVE-2026-000${String(index)}`, 'HIGH'] as const);
    expect(text([signed(reportOf(JUNE, many))])).to.match(
      /^7 findings of High or worse: .*0004 \(High\) and 2 more$/,
    );
  });

  it('O10: the refusal names findings of unknown severity in words', () => {
    const some = [
      ['CVE-2026-0001', 'HIGH'],
      ['CVE-2026-0002', 'UNKNOWN'],
    ] as const;
    expect(text([signed(reportOf(JUNE, some))])).to.equal(
      '2 findings of High or worse, or of unknown severity: CVE-2026-0001 (High), CVE-2026-0002 (of unknown severity)',
    );
  });

  it('O16: the message names what was not examined, and the setting', () => {
    expect(text([empty(JUNE)])).to.equal(
      'the scanner recognised nothing in it; require.vulnerabilities.unsupported: Ignore would accept that',
    );
  });

  it('S12: the refusal explains what is wrong with the time', () => {
    expect(text([clean(LATER)])).to.include('claims to be from the future, 2026-06-15T12:06:00.000Z');
    expect(text([clean()], AGED)).to.include('says no time');
    expect(text([clean(MAY)], AGED)).to.include('is of 2026-05-01T00:00Z');
  });

  it('an exception is valid until the end of its day, and only for its images', () => {
    const judge = (more: WrittenSpec) =>
      inShort(verdict([bad(JUNE)], { exceptions: [{ id: BAD[0][0], reason: 'not reachable', ...more }] }));
    expect(judge({})).to.equal('allow');
    expect(judge({ until: '2026-06-15' })).to.equal('allow');
    expect(judge({ until: '2026-06-15T11:59:59Z' })).to.equal('deny Vulnerable');
    expect(judge({ images: ['**/shop/*'] })).to.equal('allow');
    expect(judge({ images: ['**/bank/*'] })).to.equal('deny Vulnerable');
  });

  it('an image that does not exist is not found, and signatures that could not be listed are unknown', () => {
    expect(inShort(verdict([], {}, { manifest: ABSENT }))).to.equal('deny ImageNotFound');
    expect(inShort(verdict([], {}, { signatures: UNKNOWN_FACT }))).to.equal('unknown RegistryUnavailable');
  });
});
