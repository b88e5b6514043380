import * as z from 'zod';
import { parseTime } from '../time.ts';
import { isVulnerabilityReport } from './describe.ts';
import {
  isUnreadable,
  type RawReport,
  type UnreadableReport,
  type VulnerabilityFinding,
  type VulnerabilityReport,
  name,
  readAs,
  list,
  readEach,
} from './report.ts';
import { readSarif } from './sarif.ts';
import { highest, severityOfWord, severityOfScore, type Severity } from './severity.ts';
import { readTrivy } from './trivy.ts';

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
  const named = scanner.uri ? [scanner.uri, scanner.version ?? ''].join(' ').trim() : inner.scanner;
  return { scanner: named, times: [metadata?.scanFinishedOn, ...inner.times], findings: inner.findings };
}

function readResult(result: unknown): RawReport | UnreadableReport {
  if (Array.isArray(result)) {
    const read = readInTotoFindings(result);
    return isUnreadable(read)
      ? read
      : { scanner: 'a scanner without name', times: [], findings: read.findings };
  }
  if (has(result, 'SchemaVersion')) return readTrivy(result);
  if (has(result, 'matches')) return readGrype(result);
  if (has(result, 'runs')) return readSarif(result);
  return { unreadable: 'the report is in no format that is known here' };
}

function has(value: unknown, key: string): boolean {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key);
}

function readTimes(times: RawReport['times']): Pick<VulnerabilityReport, 'scannedAt' | 'unreadableTime'> {
  const given = times.filter((text) => text !== undefined && text !== null && text.trim() !== '');
  const read = given.flatMap((text) => {
    const moment = (text ?? '').trim().length < SHORTEST_TIMESTAMP ? undefined : parseTime(text ?? '');
    return moment ? [moment.getTime()] : [];
  });
  if (read.length < given.length) return { unreadableTime: true };
  const earliest = read.reduce((one, other) => Math.min(one, other), Infinity);
  return { unreadableTime: false, ...(read.length > 0 && { scannedAt: new Date(earliest) }) };
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

const document = z.object({
  matches: list,
  descriptor: z
    .object({ name: name.nullish(), version: name.nullish(), timestamp: z.string().nullish() })
    .nullish(),
});

const match = z.object({
  vulnerability: z.object({
    id: name,
    severity: z.string().nullish(),
    fix: z.object({ state: z.string().nullish(), versions: list.nullish() }).nullish(),
  }),
  artifact: z.object({ name: name.nullish() }).nullish(),
});

/** Reads the JSON report of Grype. */
function readGrype(report: unknown): RawReport | UnreadableReport {
  const read = readAs(document, report, 'the Grype report');
  if (isUnreadable(read)) return read;
  const { matches, descriptor } = read.value;
  const found = readEach(match, matches, 'match');
  if (isUnreadable(found)) return found;
  return {
    scanner: [descriptor?.name ?? 'grype', descriptor?.version ?? ''].join(' ').trim(),
    times: [descriptor?.timestamp],
    findings: found.values.map(({ vulnerability: { id, severity, fix }, artifact }) => ({
      id,
      severity: severityOfWord(severity ?? ''),
      fixable: isFixable(fix),
      ...(artifact?.name && { package: artifact.name }),
    })),
  };
}

function isFixable(fix: z.infer<typeof match>['vulnerability']['fix']): boolean {
  if (!fix) return true;
  return fix.state === 'fixed' || (fix.versions ?? []).length > 0;
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
function readInTotoFindings(
  result: readonly unknown[],
): { readonly findings: readonly VulnerabilityFinding[] } | UnreadableReport {
  const found = readEach(entry, result, 'vulnerability');
  if (isUnreadable(found)) return found;
  const findings = found.values.map(({ id, severity }) => {
    const ratings = Array.isArray(severity) ? severity : severity ? [severity] : [];
    return { id, severity: highest(ratings.map(({ score }) => severityOf(score ?? ''))), fixable: true };
  });
  return { findings };
}

function severityOf(score: string | number): Severity {
  return highest([severityOfScore(score), severityOfWord(String(score))]);
}
