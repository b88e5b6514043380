import { expect } from 'chai';
import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { digestOf } from '../../../../src/core/model/index.ts';
import { judgeScan, type ScanRule, type Scanned } from '../../../../src/core/promotion/gates/scan-gate.ts';
import { unreadable, hoursAgo, NOW, report, rule, scan, type Row } from './scans.ts';

const recorded: unknown = JSON.parse(
  readFileSync(new URL('recorded-trivy-report.json', import.meta.url), 'utf8'),
);
const HOUR_MS = 3_600_000;
const judge = (scanned: readonly Scanned[], more: Partial<ScanRule> = {}) =>
  judgeScan(scanned, rule(more), NOW);
const exception = (id: string, until?: Date) => ({
  id,
  reason: 'not reachable',
  appliesToImage: true,
  ...(until && { until }),
});

describe('the scan gate', () => {
  const rows: readonly [
    what: string,
    scanned: readonly Scanned[],
    rule: Partial<ScanRule>,
    answer: string,
    reason?: string,
  ][] = [
    ['passes an image without findings', [scan([])], {}, 'Pass'],
    ['passes what is below the floor', [scan([{ id: 'CVE-1', severity: 'MEDIUM' }])], {}, 'Pass'],
    ['blocks what reaches the floor', [scan([{ id: 'CVE-1' }])], {}, 'Block', 'Vulnerable'],
    [
      'blocks from a lower floor on',
      [scan([{ id: 'CVE-1', severity: 'LOW' }])],
      { failOn: 'Low' },
      'Block',
      'Vulnerable',
    ],
    [
      'passes findings without a fix when only fixable ones count',
      [scan([{ id: 'CVE-1' }])],
      { fixableOnly: true },
      'Pass',
    ],
    [
      'blocks what can be fixed, if only that counts',
      [scan([{ id: 'CVE-1', fixed: '2' }])],
      { fixableOnly: true },
      'Block',
      'Vulnerable',
    ],
    ['passes what is excepted', [scan([{ id: 'CVE-1' }])], { exceptions: [exception('cve-1')] }, 'Pass'],
    [
      'blocks what was excepted until now',
      [scan([{ id: 'CVE-1' }])],
      { exceptions: [exception('CVE-1', hoursAgo(1))] },
      'Block',
      'Vulnerable',
    ],
    [
      'blocks what is excepted for other images',
      [scan([{ id: 'CVE-1' }])],
      { exceptions: [{ ...exception('CVE-1'), appliesToImage: false }] },
      'Block',
      'Vulnerable',
    ],
    [
      'blocks what any platform has',
      [scan([]), scan([{ id: 'CVE-1' }], { platform: 'linux/arm64' })],
      {},
      'Block',
      'Vulnerable',
    ],
    ['is unknown when nothing was scanned', [], {}, 'Unknown', 'ScannerFailed'],
    ['is unknown when one platform is unreadable', [scan([]), unreadable()], {}, 'Unknown', 'ScannerFailed'],
    [
      'is unknown even when another platform blocks',
      [scan([{ id: 'CVE-1' }]), unreadable()],
      {},
      'Unknown',
      'ScannerFailed',
    ],
    [
      'is unknown for invalid output',
      [scan([], { report: { SchemaVersion: 3 } })],
      {},
      'Unknown',
      'ScannerFailed',
    ],
    ['is unknown for output without a report', [scan([], { report: 'ok' })], {}, 'Unknown', 'ScannerFailed'],
    [
      'is unknown with an old database',
      [scan([], { built: hoursAgo(5) })],
      { maxDatabaseAgeMs: 4 * HOUR_MS },
      'Unknown',
      'ScannerDatabaseOld',
    ],
    [
      'is unknown with a database without a time',
      [scan([], { built: null })],
      { maxDatabaseAgeMs: 4 * HOUR_MS },
      'Unknown',
      'ScannerDatabaseOld',
    ],
    [
      'does not believe in a database of the future',
      [scan([], { built: hoursAgo(-5) })],
      { maxDatabaseAgeMs: 4 * HOUR_MS },
      'Unknown',
      'ScannerDatabaseOld',
    ],
    [
      'does not believe in a database of no date',
      [scan([], { built: new Date(NaN) })],
      { maxDatabaseAgeMs: 4 * HOUR_MS },
      'Unknown',
      'ScannerDatabaseOld',
    ],
    [
      'passes with a database as old as allowed',
      [scan([], { built: hoursAgo(4) })],
      { maxDatabaseAgeMs: 4 * HOUR_MS },
      'Pass',
    ],
    [
      'needs no scan time when no maximal age is set',
      [scan([], { built: null, at: hoursAgo(9_999) })],
      {},
      'Pass',
    ],
    [
      'blocks an old report',
      [scan([], { at: hoursAgo(5) })],
      { maxReportAgeMs: 4 * HOUR_MS },
      'Block',
      'ReportTooOld',
    ],
    [
      'blocks a platform without an SBOM',
      [scan([]), { kind: 'no-sbom', platform: 'linux/arm64', digest: digestOf('') }],
      {},
      'Block',
      'SbomMissing',
    ],
  ];
  for (const [what, scanned, more, answer, reason] of rows) {
    it(what, () => {
      const result = judge(scanned, more);
      expect([result.answer, result.reason], result.message).to.deep.equal([answer, reason]);
    });
  }

  describe('by a signed report', () => {
    const signed = (predicate: unknown, more: { readonly databaseUpdatedAt?: Date } = {}): Scanned => ({
      kind: 'report',
      platform: '',
      digest: digestOf(''),
      statement: { predicateType: 'https://cosign.sigstore.dev/attestation/vuln/v1', predicate },
      ...more,
    });
    const limits = { maxReportAgeMs: 2 * HOUR_MS, maxDatabaseAgeMs: 4 * HOUR_MS };

    it('passes when the report is young, whether or not it names the age of its database', () => {
      expect(judge([signed(report([]))], limits).answer).to.equal('Pass');
      expect(judge([signed(report([]), { databaseUpdatedAt: hoursAgo(1) })], limits).answer).to.equal('Pass');
    });

    it('is unknown when the report names an old database', () => {
      const result = judge([signed(report([]), { databaseUpdatedAt: hoursAgo(5) })], limits);
      expect(result.reason).to.equal('ScannerDatabaseOld');
    });

    it('blocks when the report is old or has no time', () => {
      expect(judge([signed(report([]))], { maxReportAgeMs: HOUR_MS / 2 }).reason).to.equal('ReportTooOld');
      expect(judge([signed({ SchemaVersion: 2, Results: [{ Class: 'os-pkgs' }] })], limits).reason).to.equal(
        'ReportTooOld',
      );
    });

    it('is unknown when the report cannot be read, or is about another image', () => {
      expect(judge([signed({ scanner: {} })]).reason).to.equal('UnreadableEvidence');
      const other = { predicateType: 'https://slsa.dev/provenance/v1', predicate: {} };
      const result = judge([{ kind: 'report', platform: '', digest: digestOf(''), statement: other }]);
      expect([result.answer, result.reason]).to.deep.equal(['Unknown', 'UnreadableEvidence']);
    });
  });

  it('reads a report of the real Trivy', () => {
    const recordedScan = scan([], { report: recorded });
    expect(judge([recordedScan]).message).to.contain('alpine 3.20.1 is past its end of service life');
    const result = judge([recordedScan], { unsupported: 'Ignore' });
    expect(result).to.deep.include({
      answer: 'Block',
      blocking: ['CVE-2026-0001', 'CVE-2026-0002'],
      scanner: 'Trivy 0.74.0',
    });
    const { findings } = result;
    expect(findings.map(({ package: name, fixable }) => [name, fixable])).to.deep.equal([
      ['musl', true],
      ['musl', false],
    ]);
  });

  it('reports each finding once, worst first', () => {
    const found: readonly Row[] = [
      { id: 'CVE-1', severity: 'LOW' },
      { id: 'CVE-2', severity: 'HIGH' },
      { id: 'CVE-3', severity: 'CRITICAL' },
      { id: 'CVE-4', severity: 'HIGH' },
    ];
    const until = hoursAgo(-24);
    const result = judge([scan(found), scan(found, { platform: 'linux/arm64', built: hoursAgo(8) })], {
      exceptions: [exception('CVE-4', until), exception('CVE-2', hoursAgo(2))],
    });
    expect(result).to.deep.include({
      gate: 'scan',
      worst: 'Critical',
      counts: { Unknown: 0, Low: 1, Medium: 0, High: 2, Critical: 1 },
      blocking: ['CVE-3', 'CVE-2'],
      excepted: [{ id: 'CVE-4', reason: 'not reachable', until }],
      expiredExceptions: ['CVE-2'],
      exceptionsUntil: until,
      scanner: 'Trivy 0.74.0',
      databaseUpdatedAt: hoursAgo(8),
      transient: false,
    });
    expect(result.message).to.match(/expired exceptions: CVE-2$/);
  });

  it('lists each id once, however many packages have it', () => {
    const many = Array.from({ length: 25 }, (_, n) => ({ id: `CVE-${n}` }));
    const result = judge([scan([...many, { id: 'CVE-0', pkg: 'zlib' }])]);
    expect(result.blocking).to.have.length(25);
    expect(result.findings).to.have.length(26);
  });

  it('uses the exception that is valid longest', () => {
    const exceptions = [exception('CVE-1', hoursAgo(-1)), exception('CVE-1', hoursAgo(-9))];
    for (const order of [exceptions, exceptions.toReversed()]) {
      expect(judge([scan([{ id: 'CVE-1' }])], { exceptions: order }).exceptionsUntil).to.deep.equal(
        hoursAgo(-9),
      );
    }
  });

  it('reports whether a retry may help', () => {
    expect(judge([unreadable(true)]).transient).to.equal(true);
    expect(judge([unreadable(true), unreadable(false)]).transient).to.equal(false);
    expect(judge([scan([{ id: 'CVE-1' }])]).transient).to.equal(false);
  });

  const severity = fc.constantFrom('UNKNOWN', 'LOW', 'MEDIUM', 'HIGH', 'CRITICAL', 'odd');
  const findings = fc.array(
    fc.record({ id: fc.constantFrom('CVE-1', 'CVE-2', 'CVE-3'), severity, pkg: fc.constantFrom('a', 'b') }),
    { maxLength: 6 },
  );
  const platforms = fc.array(
    fc.record({ rows: findings, platform: fc.constantFrom('linux/amd64', 'linux/arm64', 'linux/s390x') }),
    { minLength: 1, maxLength: 4 },
  );

  it('never passes with an unreadable report', () => {
    fc.assert(
      fc.property(platforms, fc.boolean(), fc.nat({ max: 4 }), (parts, transient, at) => {
        const scanned = parts.map(({ rows: found, platform }) => scan(found, { platform }));
        expect(judge(scanned.toSpliced(at, 0, unreadable(transient))).answer).to.equal('Unknown');
      }),
    );
  });

  it('has the same result for every order of platforms and findings', () => {
    fc.assert(
      fc.property(platforms, (parts) => {
        const scanned = parts.map(({ rows: found, platform }) => scan(found, { platform }));
        const turned = parts
          .toReversed()
          .map(({ rows: found, platform }) => scan(found.toReversed(), { platform }));
        expect(judge(turned)).to.deep.equal(judge(scanned));
      }),
    );
  });

  it('never becomes milder with a further finding', () => {
    fc.assert(
      fc.property(platforms, (parts) => {
        const scanned = parts.map(({ rows: found, platform }) =>
          scan([...found, { id: 'CVE-9' }], { platform }),
        );
        expect(judge(scanned).answer).to.equal('Block');
      }),
    );
  });
});
