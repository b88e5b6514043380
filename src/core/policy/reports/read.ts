import * as z from 'zod';
import { isObject, objectOf, type StatementClaim } from '../../model/index.ts';
import { parseTime } from '../time.ts';
import { isVulnerabilityReport } from './describe.ts';
import { readGrype } from './grype.ts';
import { isUnreadable, mergeFindings, name, nameOfScanner, readAs, readEach } from './report.ts';
import type { RawReport, UnreadableReport, VulnerabilityFinding, VulnerabilityReport } from './report.ts';
import { readSarif } from './sarif.ts';
import { combineRatings, severityOfScore, severityOfWord, type Rating } from './severity.ts';
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
export function readVulnerabilities(
  statement: Pick<StatementClaim, 'predicateType' | 'predicate' | 'large'>,
): VulnerabilityReport | UnreadableReport | undefined {
  if (!isVulnerabilityReport(statement.predicateType)) return undefined;
  const { predicate, large } = statement;
  // It was read by this same function, beside the main thread: the one place that writes the field.
  if (large) return large.report as VulnerabilityReport | UnreadableReport;
  if (isOverride(predicate)) return undefined;
  const raw = has(predicate, 'scanner') ? readWrapped(predicate) : readResult(predicate);
  if (isUnreadable(raw)) return raw;
  const { times, findings, ...rest } = raw;
  return { ...rest, ...readTimes(times), findings: fold(findings) };
}

/**
 * What the public promotion workflows write for an image that a person let pass without a scan: the predicate type of a report,
 * with `override` and without a result. It says nothing of findings.
 */
function isOverride(predicate: unknown): boolean {
  const { override, scanner } = objectOf(predicate);
  return isObject(override) && isObject(scanner) && !Object.hasOwn(scanner, 'result');
}

function readWrapped(predicate: unknown): RawReport | UnreadableReport {
  const read = readAs(wrapper, predicate, 'the predicate');
  if (isUnreadable(read)) return read;
  const { scanner, metadata } = read.value;
  const inner = readResult(scanner.result);
  if (isUnreadable(inner)) return inner;
  const named = scanner.uri ? nameOfScanner(scanner.uri, scanner.version) : inner.scanner;
  return { ...inner, scanner: named, times: [metadata?.scanFinishedOn, ...inner.times] };
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

/** One finding for every vulnerability of a package: all its ratings together count, and a fix anywhere is a fix. */
function fold(findings: readonly VulnerabilityFinding[]): readonly VulnerabilityFinding[] {
  const folded = new Map<string, VulnerabilityFinding>();
  for (const finding of findings) {
    const key = JSON.stringify([finding.id, finding.package]);
    const twin = folded.get(key);
    folded.set(key, twin ? mergeFindings(twin, finding) : finding);
  }
  return [...folded.values()];
}

/** Methods that rate how likely or how urgent something is, not how severe. */
const NO_SEVERITY: ReadonlySet<string> = new Set(['epss', 'ssvc', 'kev']);
/** Methods whose numbers are on the scale of CVSS; also none. Others may end at 4 or 5. */
const ON_SCALE = /cvss|^nvd$|^$/;
const rating = z.object({
  method: z.string().nullish().catch(null),
  score: z.union([z.string(), z.number()]).nullish(),
});
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
    const written = Array.isArray(severity) ? severity : severity ? [severity] : [];
    return { id, ...combineRatings(written.flatMap(ratingIn)), fixable: true };
  });
  // An empty list is how this format says that nothing was found; it has no place for what was not examined.
  return { scanner: 'a scanner without name', times: [], findings, unexamined: [] };
}

function ratingIn({ method, score }: z.infer<typeof rating>): readonly Rating[] {
  const by = (method ?? '').trim().toLowerCase();
  if (NO_SEVERITY.has(by)) return [];
  const word = severityOfWord(String(score ?? ''));
  if (word !== 'Unknown') return [{ severity: word }];
  return [{ severity: severityOfScore(score ?? ''), maybeWorse: !ON_SCALE.test(by) }];
}
