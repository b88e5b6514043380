import { expect } from 'chai';
import {
  digestOf,
  objectOf,
  parseJson,
  pin,
  rfc3339,
  type JobOutcome,
} from '../../../src/core/model/index.ts';
import { createReportReader } from '../../../src/core/promotion/index.ts';
import { judgeScan } from '../../../src/core/promotion/gates/scan-gate.ts';
import { scanPlatforms } from '../../../src/core/promotion/gates/scan-platforms.ts';
import {
  mergeTexts,
  readScanReport,
  type ReportText,
} from '../../../src/core/promotion/gates/scan-report.ts';
import { VULNERABILITY_PREDICATE_TYPE } from '../../../src/core/promotion/records/report.ts';
import { vulnerabilityStatement } from '../../../src/core/promotion/records/report.ts';
import { statementAbout } from '../../../src/core/promotion/records/statement.ts';
import { program, removePrograms, trivy } from '../../clients/scanner/fixture.ts';
import { report, rule } from '../../core/promotion/gates/scans.ts';
import { openJobs } from '../../support/threads.ts';
import { longestWork, LONGEST_DELAY_MS } from './loop-delay.ts';
import { manifestWith } from './manifests.ts';

const NOW = new Date('2026-03-02T12:00:00Z');
const IMAGE = pin({ registry: 'registry.example.com', repository: 'shop/web' }, digestOf('an image'));

type Outcome = JobOutcome<ReturnType<typeof readScanReport>>;

const rows = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ id: `CVE-2026-${String(10_000 + index)}` }));

describe('large reports of a scanner', () => {
  const threads = openJobs();
  after(() => threads.close());
  afterEach(removePrograms);
  let jobs = 0;
  beforeEach(() => {
    jobs = 0;
  });

  const reader = (outcome?: Outcome) =>
    createReportReader(async (printed, weight) => {
      jobs += 1;
      return outcome ?? threads.run('report', printed, weight);
    });

  /** Scans an image by a program that prints the value of an expression as JSON, and judges what was found. */
  async function gate(expression: string, outcome?: Outcome) {
    const { command } = await program({ scan: `process.stdout.write(JSON.stringify(${expression}))` });
    const manifest = manifestWith([]);
    const scanner = trivy(command, { readReport: reader(outcome), now: () => NOW }).scan;
    const registry = {
      manifest: () => Promise.resolve(manifest),
      referrers: () => Promise.resolve([]),
      blob: () => Promise.resolve(undefined),
    };
    const image = pin(IMAGE, manifest.digest);
    const task = { image, manifest, from: 'Image', registry, scanner } as const;
    return judgeScan(await scanPlatforms(task, AbortSignal.timeout(50_000)), rule(), NOW);
  }

  for (const [size, count, expected] of [
    ['large', 2_000, 1],
    ['small', 2, 0],
  ] as const)
    it(`M12: a ${size} report is read ${expected === 1 ? 'elsewhere' : 'here'}, with all its findings`, async () => {
      const { answer, reason, findings } = await gate(JSON.stringify(report(rows(count))));
      expect([answer, reason, findings.length]).to.deep.equal(['Block', 'Vulnerable', count]);
      expect(jobs).to.equal(expected);
    });

  it('M12: a report that no thread reads is unknown, never "no findings"', async () => {
    const codes = {
      crowded: 'LimitExceeded',
      exhausted: 'LimitExceeded',
      crashed: 'InternalError',
      late: 'DeadlineExceeded',
    } as const;
    for (const [failure, code] of Object.entries(codes)) {
      const outcome = { ok: false, failure: failure as keyof typeof codes } as const;
      const { answer, obstacles } = await gate(JSON.stringify(report(rows(2_000))), outcome);
      expect([answer, obstacles[0]?.reason]).to.deep.equal(['Unknown', code]);
      expect(obstacles[0]?.transient).to.equal(failure !== 'exhausted');
    }
  });

  for (const [title, expression] of [
    ['with more findings than are read', JSON.stringify(report(rows(30_001)))],
    ['with more values than can be parsed', '{ SchemaVersion: 2, Results: Array(700_000).fill(0) }'],
    ['that is no report', `{ text: 'x'.repeat(1e5) }`],
    ['of another version', `{ SchemaVersion: 3, text: 'x'.repeat(1e5) }`],
  ] as const)
    it(`M12: a large report ${title} is unknown`, async () => {
      const { answer, obstacles } = await gate(expression);
      expect([answer, obstacles[0]?.reason]).to.deep.equal(['Unknown', 'ScannerFailed']);
      expect(jobs).to.equal(1);
    });

  it('M12: what is read on a thread is what is read here', async () => {
    const printed = Buffer.from(JSON.stringify(report(rows(2_000)), undefined, 2));
    const outcome = await threads.run('report', printed, { bytes: printed.byteLength });
    expect(outcome).to.deep.equal({ ok: true, value: readScanReport(printed) });
  });

  it('M12: the main thread is not kept by reading a large report', async () => {
    const filled = JSON.stringify({ ...Object(report(rows(20_000))), text: 'x'.repeat(10e6) });
    const delay = await longestWork(() => reader()(Buffer.from(filled), 'shop'));
    expect(delay).to.be.below(LONGEST_DELAY_MS);
  });
});

describe('a report in its signed record', () => {
  const scanner = { name: 'trivy', version: '0.74.0' };
  const statementWith = (text: ReportText): string => {
    const scan = { report: text, scanner, databaseUpdatedAt: NOW, startedAt: NOW, finishedAt: NOW };
    return Buffer.from(vulnerabilityStatement(IMAGE, scan).json).toString();
  };
  const textOf = (printed: string): ReportText => {
    const read = readScanReport(Buffer.from(printed));
    if (!read.ok) throw new Error('no report');
    return read.value.report;
  };
  /** The statement with the report as a value of it. */
  const whole = (result: unknown): string =>
    JSON.stringify(
      statementAbout(IMAGE, VULNERABILITY_PREDICATE_TYPE, {
        invocation: { parameters: [], uri: '', event_id: '', 'builder.id': '' },
        scanner: {
          ...{ uri: 'trivy', version: '0.74.0' },
          ...{ db: { uri: '', version: '', lastUpdate: rfc3339(NOW) }, result },
        },
        metadata: { scanStartedOn: rfc3339(NOW), scanFinishedOn: rfc3339(NOW) },
      }),
    );

  const reports = {
    'a usual one': JSON.stringify(report(rows(3)), undefined, 2),
    'one without results': '{"SchemaVersion":2}',
    'one with results that are nothing': '{"SchemaVersion":2,"Results":null}',
    'one with an empty list': '{"SchemaVersion":2,"Results":[ ]}',
    'one with results that are no list': '{"SchemaVersion":2,"Results":{"a":[1]}}',
    'one in other languages':
      '\ufeff{"SchemaVersion":2,"Title":"é 漏洞 \\ud83d\\ude00 \\ud800","Results":[{"é":"漏"}]}',
    'one that ends itself early': String.raw`{"SchemaVersion":2,"a":"\"}},\"predicate\":{","Results":["]}}"]}`,
    'one with fields of objects': '{"SchemaVersion":2,"__proto__":{"Results":[1]},"toJSON":1,"Results":[{}]}',
    'one with a field twice': '{"Results":[1],"SchemaVersion":1,"SchemaVersion":2,"Results":[2,3]}',
  };

  for (const [title, printed] of Object.entries(reports))
    it(`M12: ${title} is written as its value would be`, () => {
      const value = parseJson(Buffer.from(printed));
      expect(parseJson(statementWith(textOf(printed)))).to.deep.equal(parseJson(whole(value)));
    });

  it('M12: a report as Trivy prints it gives the same bytes', () => {
    const value = report(rows(3));
    expect(statementWith(textOf(JSON.stringify(value, undefined, 2)))).to.equal(whole(value));
  });

  it('M12: reports of several platforms are written as one, with the results of all', () => {
    const values = Object.values(reports).map((printed) => objectOf(parseJson(Buffer.from(printed))));
    const texts = Object.values(reports).map(textOf);
    const results = values.flatMap(({ Results }) => (Array.isArray(Results) ? (Results as unknown[]) : []));
    for (const [index, first] of texts.entries())
      expect(parseJson(statementWith(mergeTexts(first, texts)))).to.deep.equal(
        parseJson(whole({ ...values[index], Results: results })),
      );
  });
});
