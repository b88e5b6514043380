import * as z from 'zod';
import { parseTime } from '../time.ts';
import { isVulnerabilityReport } from './describe.ts';
import { isUnreadable, list, name, nameOfScanner, readAs, readEach } from './report.ts';
import type { RawReport, UnreadableReport, VulnerabilityFinding, VulnerabilityReport } from './report.ts';
import { readSarif } from './sarif.ts';
import { highest, severityOfWord, severityOfScore, type Severity } from './severity.ts';

/** Shortest timestamp of RFC 3339. A day alone is no time of a scan: it might lie in the future. */
const SHORTEST_TIMESTAMP = '2026-01-01T00:00:00Z'.length;

/** A scanner's report inside a predicate of cosign (`vuln/v1`) or in-toto (`vulns/v0.1`, `v0.2`). */
const wrapper = z.object({
  scanner: z.object({
    uri: name.nullish().catch(null),
    version: name.nullish().catch(null),
    result: z.unknown(),
  }),
  metadata: z.object({ scanFinishedOn: z.string().nullish() }).nullish(),
});

/**
 * Reads a vulnerability report out of a statement: predicates of cosign and in-toto, SARIF, and the JSON of Trivy and
 * Grype, bare or inside a predicate. `undefined` when the statement is about something else. Never throws.
 */
export function readVulnerabilities(statement: {
  readonly predicateType: string;
  readonly predicate: unknown;
}): VulnerabilityReport | UnreadableReport | undefined {
  if (!isVulnerabilityReport(statement.predicateType)) return undefined;
  const { predicate } = statement;
  const raw = has(predicate, 'scanner') ? readWrapped(predicate) : readResult(predicate);
  if (isUnreadable(raw)) return raw;
  const { times, findings, ...rest } = raw;
  return { ...rest, ...readTimes(times), findings: fold(findings) };
}

function readWrapped(predicate: unknown): RawReport | UnreadableReport {
  const read = readAs(wrapper, predicate, 'the predicate');
  if (isUnreadable(read)) return read;
  const { scanner, metadata } = read.value;
  const inner = readResult(scanner.result);
  if (isUnreadable(inner)) return inner;
  const named = scanner.uri ? nameOfScanner(scanner.uri, scanner.version) : inner.scanner;
  return { scanner: named, times: [metadata?.scanFinishedOn, ...inner.times], findings: inner.findings };
}

function readResult(result: unknown): RawReport | UnreadableReport {
  if (Array.isArray(result)) return readInToto(result);
  if (has(result, 'SchemaVersion')) return readTrivy(result);
  if (has(result, 'matches')) return readGrype(result);
  if (has(result, 'runs')) return readSarif(result);
  return { unreadable: 'the report is in no format that is known here' };
}

function has(value: unknown, key: string): boolean {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key);
}

function readTimes(times: RawReport['times']): Pick<VulnerabilityReport, 'scannedAt' | 'unreadableTime'> {
  const given = times.flatMap((text) => (text?.trim() ? [text] : []));
  const read = given.flatMap((text) =>
    text.trim().length < SHORTEST_TIMESTAMP ? [] : (parseTime(text) ?? []),
  );
  if (read.length < given.length) return { unreadableTime: true };
  const [scannedAt] = read.sort((one, other) => one.getTime() - other.getTime());
  return { unreadableTime: false, ...(scannedAt && { scannedAt }) };
}

/** One finding for every vulnerability of a package: the highest severity counts, and a fix anywhere is a fix. */
function fold(findings: readonly VulnerabilityFinding[]): readonly VulnerabilityFinding[] {
  const folded = new Map<string, VulnerabilityFinding>();
  for (const finding of findings) {
    const key = JSON.stringify([finding.id, finding.package]);
    const twin = folded.get(key);
    const severity = highest([finding.severity, twin?.severity ?? 'Unknown']);
    folded.set(key, { ...finding, severity, fixable: finding.fixable || (twin?.fixable ?? false) });
  }
  return [...folded.values()];
}

const trivyReport = z.object({
  SchemaVersion: z.literal(2),
  CreatedAt: z.string().nullish(),
  Trivy: z.object({ Version: name.nullish() }).nullish(),
  // Trivy leaves out what is empty, also for an image without findings.
  Results: z.array(z.object({ Vulnerabilities: list.nullish() })).nullish(),
});

const trivyVulnerability = z.object({
  VulnerabilityID: name,
  PkgName: name.nullish(),
  Severity: z.string().nullish(),
  FixedVersion: z.string().nullish(),
  Status: z.string().nullish(),
});

function readTrivy(report: unknown): RawReport | UnreadableReport {
  const read = readAs(trivyReport, report, 'the Trivy report');
  if (isUnreadable(read)) return read;
  const { CreatedAt, Results, Trivy } = read.value;
  const vulnerabilities = (Results ?? []).flatMap((result) => result.Vulnerabilities ?? []);
  const found = readEach(trivyVulnerability, vulnerabilities, 'vulnerability');
  if (isUnreadable(found)) return found;
  return {
    scanner: Trivy?.Version ? `Trivy ${Trivy.Version}` : 'Trivy',
    times: [CreatedAt],
    findings: found.value.map(({ VulnerabilityID: id, PkgName, Severity, FixedVersion, Status }) => ({
      id,
      severity: severityOfWord(Severity ?? ''),
      // An empty field is how Trivy says that there is no fixed version.
      fixable: Status === 'fixed' || (FixedVersion ?? '').trim() !== '',
      ...(PkgName && { package: PkgName }),
    })),
  };
}

const grypeReport = z.object({
  matches: list,
  descriptor: z
    .object({ name: name.nullish(), version: name.nullish(), timestamp: z.string().nullish() })
    .nullish(),
});

const grypeMatch = z.object({
  vulnerability: z.object({
    id: name,
    severity: z.string().nullish(),
    fix: z.object({ state: z.string().nullish(), versions: list.nullish() }).nullish(),
  }),
  artifact: z.object({ name: name.nullish() }).nullish(),
});

function readGrype(report: unknown): RawReport | UnreadableReport {
  const read = readAs(grypeReport, report, 'the Grype report');
  if (isUnreadable(read)) return read;
  const { matches, descriptor } = read.value;
  const found = readEach(grypeMatch, matches, 'match');
  if (isUnreadable(found)) return found;
  return {
    scanner: nameOfScanner(descriptor?.name ?? 'grype', descriptor?.version),
    times: [descriptor?.timestamp],
    findings: found.value.map(({ vulnerability: { id, severity, fix }, artifact }) => ({
      id,
      severity: severityOfWord(severity ?? ''),
      fixable: !fix || fix.state === 'fixed' || (fix.versions ?? []).length > 0,
      ...(artifact?.name && { package: artifact.name }),
    })),
  };
}

const rating = z.object({ score: z.union([z.string(), z.number()]).nullish() });
const vulnerability = z.object({ id: name, severity: z.union([z.array(rating), rating]).nullish() });
// The text of version 0.1 has one level more than its example and than version 0.2.
const entry = z.union([
  vulnerability,
  z.object({ vulnerability }).transform((nested) => nested.vulnerability),
]);

/**
 * Reads the findings of an in-toto vulnerability predicate (`vulns` 0.1 and 0.2): ids with scores by any method, of which
 * the highest counts. The format says neither which package is meant nor whether there is a fix.
 */
function readInToto(result: readonly unknown[]): RawReport | UnreadableReport {
  const found = readEach(entry, result, 'vulnerability');
  if (isUnreadable(found)) return found;
  const findings = found.value.map(({ id, severity }) => {
    const ratings = Array.isArray(severity) ? severity : severity ? [severity] : [];
    return { id, severity: highest(ratings.map(({ score }) => severityOf(score ?? ''))), fixable: true };
  });
  return { scanner: 'a scanner without name', times: [], findings };
}

function severityOf(score: string | number): Severity {
  return highest([severityOfScore(score), severityOfWord(String(score))]);
}
