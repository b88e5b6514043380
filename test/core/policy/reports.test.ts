import { expect } from 'chai';
import * as fc from 'fast-check';
import { readVulnerabilities } from '../../../src/core/policy/reports/read.ts';

const COSIGN = 'https://cosign.sigstore.dev/attestation/vuln/v1';
const IN_TOTO = 'https://in-toto.io/attestation/vulns/v0.2';
const TRIVY = 'application/vnd.aquasec.trivy.report+json';
const SARIF = 'application/sarif+json';
const WHEN = '2026-06-14T03:00:00Z';

/** The report of a statement; fails the test when there is none that can be read. */
function report(predicate: unknown, predicateType = COSIGN) {
  const read = readVulnerabilities({ predicateType, predicate });
  if (!read) throw new Error('no vulnerability report');
  if ('unreadable' in read) throw new Error(read.unreadable);
  return read;
}

function unreadable(predicate: unknown, predicateType = COSIGN): string {
  const read = readVulnerabilities({ predicateType, predicate });
  return read && 'unreadable' in read ? read.unreadable : 'readable';
}

/** `id severity package fixable` of every finding. */
function findings(predicate: unknown, predicateType?: string): readonly string[] {
  return report(predicate, predicateType).findings.map(
    (one) => `${one.id} ${one.severity} ${one.package ?? '-'} ${one.fixable ? 'fixable' : 'unfixed'}`,
  );
}

const trivy = (vulnerabilities: readonly unknown[], more: object = {}) => ({
  SchemaVersion: 2,
  CreatedAt: WHEN,
  Results: [{ Target: 'web (debian 13)', Vulnerabilities: vulnerabilities }],
  ...more,
});
const grype = (matches: readonly unknown[], more: object = {}) => ({
  matches,
  descriptor: { name: 'grype', version: '0.99.1', timestamp: WHEN },
  ...more,
});
const wrapped = (result: unknown, metadata: unknown = { scanFinishedOn: WHEN }) => ({
  scanner: { uri: 'pkg:github/acme/scanner', version: '1.2', result },
  metadata,
});
const inToto = (...result: readonly unknown[]) => wrapped(result);
const one = { VulnerabilityID: 'CVE-2026-0001', PkgName: 'zlib', Severity: 'HIGH' };

describe('a vulnerability report', () => {
  it('of Trivy has id, severity, package and whether a fix exists', () => {
    const vulnerabilities = [
      { ...one, FixedVersion: '1.3.2', Status: 'fixed' },
      { ...one, VulnerabilityID: 'CVE-2026-0002', Severity: 'CRITICAL', Status: 'affected' },
      { ...one, VulnerabilityID: 'CVE-2026-0003', Severity: 'UNKNOWN', FixedVersion: '' },
      { VulnerabilityID: 'CVE-2026-0004' },
    ];
    const expected = [
      'CVE-2026-0001 High zlib fixable',
      'CVE-2026-0002 Critical zlib unfixed',
      'CVE-2026-0003 Unknown zlib unfixed',
      'CVE-2026-0004 Unknown - unfixed',
    ];
    expect(findings(trivy(vulnerabilities), TRIVY)).to.deep.equal(expected);
    expect(findings(wrapped(trivy(vulnerabilities)))).to.deep.equal(expected);
    expect(report(trivy(vulnerabilities), TRIVY).scanner).to.equal('Trivy');
    expect(report(wrapped(trivy(vulnerabilities))).scanner).to.equal('pkg:github/acme/scanner 1.2');
  });

  it('of Trivy without findings is valid, though Trivy leaves out empty fields', () => {
    for (const empty of [
      { SchemaVersion: 2 },
      { SchemaVersion: 2, Results: [{ Target: 'web' }] },
      trivy([]),
    ]) {
      expect(findings(empty, TRIVY)).to.deep.equal([]);
    }
  });

  it('of Grype has id, severity, package and whether a fix exists', () => {
    const match = (id: string, severity: string, fix?: object) => ({
      vulnerability: { id, severity, fix },
      artifact: { name: 'musl', version: '1.2' },
    });
    const matches = [
      match('CVE-2026-0001', 'High', { state: 'fixed', versions: ['1.3'] }),
      match('CVE-2026-0002', 'Negligible', { state: 'wont-fix', versions: [] }),
      match('GHSA-aaaa-bbbb-cccc', 'Critical', { state: 'unknown' }),
      match('CVE-2026-0003', 'Medium'),
    ];
    expect(findings(wrapped(grype(matches)))).to.deep.equal([
      'CVE-2026-0001 High musl fixable',
      'CVE-2026-0002 Low musl unfixed',
      'GHSA-aaaa-bbbb-cccc Critical musl unfixed',
      'CVE-2026-0003 Medium musl fixable',
    ]);
    expect(report(grype(matches)).scanner).to.equal('grype 0.99.1');
  });

  for (const [title, severity, expected] of [
    [
      'the highest of several scores',
      [
        { method: 'nvd', score: 'medium' },
        { method: 'cvss_score', score: '9.1' },
      ],
      'Critical',
    ],
    ['a word', [{ method: 'nvd', score: 'High' }], 'High'],
    ['a number', [{ method: 'cvss', score: 5.2 }], 'Medium'],
    ['a single score instead of a list', { method: 'cvss', score: '3.9' }, 'Low'],
    ['no score', [], 'Unknown'],
    ['nothing at all', undefined, 'Unknown'],
    ['a score past ten', [{ method: 'cvss', score: '99' }], 'Unknown'],
    ['a score of zero', [{ method: 'cvss', score: '0.0' }], 'Unknown'],
    ['a negative score', [{ method: 'cvss', score: -9 }], 'Unknown'],
    ['a vector', [{ method: 'cvss', score: 'CVSS:3.1/AV:N/AC:L' }], 'Unknown'],
  ] as const) {
    it(`of in-toto reads ${title} as ${expected}`, () => {
      const expectedFinding = [`CVE-2026-0001 ${expected} - fixable`];
      expect(findings(inToto({ id: 'CVE-2026-0001', severity }), IN_TOTO)).to.deep.equal(expectedFinding);
    });
  }

  it('of in-toto 0.1 may nest the vulnerability, as the text of that version does', () => {
    const nested = inToto({ vulnerability: { id: 'CVE-2026-0001', severity: [{ score: '7.0' }] } });
    const type = 'https://in-toto.io/attestation/vulns/v0.1';
    expect(findings(nested, type)).to.deep.equal(['CVE-2026-0001 High - fixable']);
  });

  it('merges duplicates: the highest severity counts, and a fix in any of them', () => {
    const twice = [
      { ...one, Severity: 'LOW', FixedVersion: '2' },
      { ...one, Severity: 'CRITICAL' },
      { ...one, PkgName: 'zlib-dev' },
    ];
    expect(findings(trivy(twice), TRIVY)).to.deep.equal([
      'CVE-2026-0001 Critical zlib fixable',
      'CVE-2026-0001 High zlib-dev unfixed',
    ]);
  });

  it('keeps quoted text on one line', () => {
    const odd = trivy([{ ...one, PkgName: 'zlib\n\u202eevil' }]);
    expect(findings(odd, TRIVY)).to.deep.equal(['CVE-2026-0001 High zlib evil unfixed']);
  });

  for (const [title, predicate, why] of [
    ['without result', wrapped(undefined), /no format/],
    ['with the result null', wrapped(null), /no format/],
    ['with a word for a result', wrapped('PASSED'), /no format/],
    ['that is empty', {}, /no format/],
    ['that is nothing', undefined, /no format/],
    ['with a scanner that is no object', { scanner: 'trivy' }, /at scanner/],
    ['of another schema version of Trivy', { ...trivy([]), SchemaVersion: 1 }, /at SchemaVersion/],
    ['with Results that are no list', { SchemaVersion: 2, Results: {} }, /at Results/],
    [
      'with Vulnerabilities that are no list',
      { SchemaVersion: 2, Results: [{ Vulnerabilities: 'none' }] },
      /at Results\.0\.Vulnerabilities/,
    ],
    [
      'with a vulnerability without id',
      trivy([one, { Severity: 'HIGH' }]),
      /vulnerability 2 cannot be read at VulnerabilityID/,
    ],
    ['with an id of spaces', trivy([{ ...one, VulnerabilityID: ' \n ' }]), /VulnerabilityID/],
    ['with an endless id', trivy([{ ...one, VulnerabilityID: 'C'.repeat(300) }]), /VulnerabilityID/],
    ['with a severity that is no text', trivy([{ ...one, Severity: 9 }]), /Severity/],
    ['of Grype whose matches are null', { matches: null }, /at matches/],
    ['of Grype with a match without vulnerability', grype([{}]), /match 1 cannot be read at vulnerability/],
    ['of in-toto with a vulnerability without id', inToto({ severity: [] }), /vulnerability 1/],
    ['with a finish that is no text', wrapped([], { scanFinishedOn: 7 }), /at metadata\.scanFinishedOn/],
  ] as const) {
    it(`${title} is unreadable, which is not a report without findings`, () => {
      expect(unreadable(predicate)).to.match(why);
    });
  }

  it('with more findings than the limit is unreadable', () => {
    const many = Array.from({ length: 30_001 }, () => one);
    expect(unreadable(trivy(many), TRIVY)).to.match(/more than 30000 findings/);
    const half = { Vulnerabilities: many.slice(0, 20_000) };
    expect(unreadable(trivy([], { Results: [half, half] }), TRIVY)).to.match(/more than 30000/);
    expect(unreadable(grype(many))).to.match(/more than 30000/);
    expect(unreadable(wrapped(many))).to.match(/more than 30000/);
  });

  it('with exactly as many findings as the limit is read', () => {
    const many = Array.from({ length: 30_000 }, (_, index) => ({ ...one, PkgName: `p${String(index)}` }));
    expect(report(trivy(many), TRIVY).findings).to.have.length(30_000);
  });
});

describe('the time of a scan', () => {
  for (const [title, predicate, expected] of [
    ['S12: is the time in the predicate', inToto(), WHEN],
    ['S12: is absent when the report has none', wrapped([], null), 'absent'],
    ['S12: is absent when it is left empty', wrapped([], { scanFinishedOn: '' }), 'absent'],
    [
      'S12: is the time of Trivy, with nine digits of a second',
      trivy([], { CreatedAt: '2026-06-14T03:00:00.123456789Z' }),
      '2026-06-14T03:00:00.123Z',
    ],
    [
      'S12: is the time of Trivy, in its time zone',
      trivy([], { CreatedAt: '2026-06-14T05:00:00+02:00' }),
      WHEN,
    ],
    ['S12: is the time of Grype', grype([]), WHEN],
    [
      'S12: may be in the future, which the policy judges',
      wrapped([], { scanFinishedOn: '2036-01-01T00:00:00Z' }),
      '2036-01-01T00:00:00.000Z',
    ],
    [
      'S12: is the time of the scan, not of its conversion',
      wrapped(trivy([]), { scanFinishedOn: '2026-06-15T00:00:00Z' }),
      WHEN,
    ],
    [
      'S12: is the end of the scan also when the report inside is younger',
      wrapped(grype([]), { scanFinishedOn: '2026-06-01T00:00:00Z' }),
      '2026-06-01T00:00:00.000Z',
    ],
    ['S12: cannot be read when it is in words', wrapped([], { scanFinishedOn: 'yesterday' }), 'unreadable'],
    ['S12: cannot be read as a day alone', wrapped([], { scanFinishedOn: '2026-06-14' }), 'unreadable'],
    [
      'S12: cannot be read without zone',
      wrapped([], { scanFinishedOn: '2026-06-14T03:00:00.000' }),
      'unreadable',
    ],
    [
      'S12: cannot be read on a day that does not exist',
      wrapped([], { scanFinishedOn: '2026-02-30T03:00:00Z' }),
      'unreadable',
    ],
    [
      'S12: cannot be read when one of two cannot',
      wrapped(grype([]), { scanFinishedOn: 'yesterday' }),
      'unreadable',
    ],
  ] as const) {
    it(title, () => {
      const { scannedAt, unreadableTime } = report(predicate);
      const reported = scannedAt ? scannedAt.toISOString() : unreadableTime ? 'unreadable' : 'absent';
      expect(reported).to.equal(expected === WHEN ? new Date(WHEN).toISOString() : expected);
      expect(unreadableTime && scannedAt).to.not.be.instanceOf(Date);
    });
  }
});

describe('a statement', () => {
  it('with another predicate is no vulnerability report', () => {
    for (const predicateType of [
      'https://slsa.dev/provenance/v1',
      'https://in-toto.io/attestation/vulns/v9',
      '',
    ]) {
      expect(readVulnerabilities({ predicateType, predicate: trivy([one]) })).to.equal(undefined);
    }
  });

  it('with any JSON is read or unreadable, and never throws', () => {
    const json = fc.jsonValue();
    const shapes = fc.oneof(
      json,
      fc.record({ scanner: fc.record({ uri: json, result: json }), metadata: json }),
      fc.record({
        SchemaVersion: fc.constant(2),
        CreatedAt: json,
        Results: fc.array(fc.record({ Vulnerabilities: fc.array(json) })),
      }),
      fc.record({ matches: fc.array(json), descriptor: json }),
      fc.record({
        version: fc.constant('2.1.0'),
        runs: fc.array(fc.record({ tool: json, results: fc.array(json) })),
      }),
    );
    fc.assert(
      fc.property(fc.constantFrom(COSIGN, IN_TOTO, SARIF, TRIVY), shapes, (predicateType, predicate) => {
        const read = readVulnerabilities({ predicateType, predicate });
        expect(read).to.satisfy((one: object) => 'unreadable' in one || 'findings' in one);
      }),
      { numRuns: 500 },
    );
  });
});
