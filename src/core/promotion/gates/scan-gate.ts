import { nameOf, type Digest, type ImageRef, type Reason, type StatementClaim } from '../../model/index.ts';
import {
  compileExceptions,
  describeUnexamined,
  foreignSystem,
  highest,
  isUnreadable,
  judgeVulnerabilities,
  mergeFindings,
  readVulnerabilities,
  SEVERITIES,
} from '../../policy/index.ts';
import type {
  AppliedException,
  Severity,
  VulnerabilityFinding,
  VulnerabilityJudgement,
  VulnerabilityReport,
} from '../../policy/index.ts';
import type { ScanOutput } from '../ports.ts';
import type { ScanSpec } from '../schema.ts';
import { conclude, type ExceptedFinding, type GateResult, type Obstacle } from './gate.ts';

/** Ids of expired exceptions in a message, which is one line of a table. */
const MAX_EXPIRED_SHOWN = 3;

/** What a promotion demands of scans. */
export interface ScanRule extends Pick<ScanSpec, 'fixableOnly' | 'unknownSeverity' | 'unsupported'> {
  readonly failOn: Severity;
  /** Milliseconds since a report was made; absent = any age. */
  readonly maxReportAgeMs?: number;
  /** Milliseconds since the scanner's database was built; absent = any age. */
  readonly maxDatabaseAgeMs?: number;
  readonly exceptions: readonly AppliedException[];
}

/** The exceptions of a promotion as they apply to its source. Problems in them were found when the promotion was parsed. */
export function exceptionsOf({ exceptions }: ScanSpec, source: ImageRef): readonly AppliedException[] {
  return compileExceptions(exceptions, 'exceptions', []).map(({ coversImage, ...rest }) => ({
    ...rest,
    appliesToImage: coversImage(nameOf(source)),
  }));
}

/** An obstacle that stays until something changes. */
function obstacle(answer: Obstacle['answer'], reason: Obstacle['reason'], detail: string): Obstacle {
  return { answer, reason, detail, transient: false };
}

/**
 * Judges an image by what was scanned of it: every platform counts, and one that is unknown makes the whole answer Unknown. Nothing
 * scanned at all is Unknown, too. Pure; the answer does not depend on the order of platforms, findings or exceptions.
 */
export function judgeScan(scanned: readonly Scanned[], rule: ScanRule, now: Date): GateResult {
  const parts = scanned.map(readScanned);
  const read = parts.filter((part) => 'report' in part);
  // Of several exceptions for one finding the one that holds longest counts.
  const exceptions = rule.exceptions.toSorted((one, other) => endOf(other) - endOf(one));
  const judged = read.map(({ report }) => judgeVulnerabilities(report, { ...rule, exceptions, now }));
  const obstacles = [
    ...parts.filter((part) => 'answer' in part),
    ...read.flatMap((part) => ageObstacles(part, rule, now)),
    ...read.flatMap(({ platform }, index) => incomplete(platform, judged[index]?.unexamined ?? [])),
    ...(scanned.length === 0 ? [obstacle('Unknown', 'ScannerFailed', 'nothing of it was scanned')] : []),
  ];
  const concluded = conclude(
    sorted(obstacles, ({ answer, reason, detail }) => [answer, reason, detail]),
    worstFirst(distinct(judged.flatMap(({ blocking }) => blocking))),
  );
  const all = distinct(read.flatMap(({ report }) => report.findings));
  const excepted = exceptedOf(judged);
  const ends = excepted.flatMap(({ until }) => (until ? [until.getTime()] : []));
  const expired = unique(judged.flatMap((one) => one.expiredExceptions.map(({ id }) => id)));
  const built = Math.min(
    ...read.map(({ databaseUpdatedAt: time }) => (time instanceof Date ? Number(time) : NaN)),
  );
  return {
    gate: 'scan',
    ...concluded,
    message: `${concluded.message}${concluded.reason === 'Vulnerable' ? expiredNote(expired) : ''}`,
    worst: all.length > 0 ? highest(all.map(({ severity }) => severity)) : undefined,
    counts: countsOf(all),
    excepted,
    expiredExceptions: expired,
    exceptionsUntil: ends.length > 0 ? new Date(Math.min(...ends)) : undefined,
    scanner: unique(read.map(({ report }) => report.scanner)).join(', '),
    databaseUpdatedAt: Number.isFinite(built) ? new Date(built) : undefined,
  };
}

/** What the scanner did not examine of a platform is unknown: an approval of findings does not lift that. */
function incomplete(platform: string, unexamined: readonly string[]): readonly Obstacle[] {
  if (unexamined.length === 0) return [];
  const of = platform === '' ? '' : `${platform}: `;
  const detail = of + describeUnexamined(unexamined, 'promote.scan.unsupported');
  return [obstacle('Unknown', 'ScanIncomplete', detail)];
}

function expiredNote(ids: readonly string[]): string {
  if (ids.length === 0) return '';
  const shown = ids.slice(0, MAX_EXPIRED_SHOWN).join(', ');
  return `; expired exceptions: ${shown}${ids.length > MAX_EXPIRED_SHOWN ? ', …' : ''}`;
}

function worstFirst(findings: readonly VulnerabilityFinding[]): readonly VulnerabilityFinding[] {
  const rank = (severity: Severity): string => String(SEVERITIES.length - SEVERITIES.indexOf(severity));
  return sorted(findings, ({ severity, id, package: name = '' }) => [rank(severity), id, name]);
}

/** A finding that several platforms have counts once, with all its ratings together. */
function distinct(findings: readonly VulnerabilityFinding[]): readonly VulnerabilityFinding[] {
  const byName = new Map<string, VulnerabilityFinding>();
  for (const finding of findings) {
    const key = JSON.stringify([finding.id, finding.package]);
    const twin = byName.get(key);
    byName.set(key, twin ? mergeFindings(twin, finding) : finding);
  }
  return [...byName.values()];
}

/** A date that is none ends before every other. */
function endOf({ until }: AppliedException): number {
  if (until === undefined) return Number.MAX_VALUE;
  return Number.isNaN(until.getTime()) ? -Number.MAX_VALUE : until.getTime();
}

function exceptedOf(judged: readonly VulnerabilityJudgement[]): readonly ExceptedFinding[] {
  const byId = new Map<string, ExceptedFinding>();
  for (const { finding, exception } of judged.flatMap(({ excepted }) => excepted))
    byId.set(finding.id, { id: finding.id, reason: exception.reason, until: exception.until });
  return sorted([...byId.values()], ({ id }) => [id]);
}

function countsOf(findings: readonly VulnerabilityFinding[]): Record<Severity, number> {
  const counts = { Unknown: 0, Low: 0, Medium: 0, High: 0, Critical: 0 };
  for (const { severity } of findings) counts[severity] += 1;
  return counts;
}

function unique(names: readonly string[]): readonly string[] {
  return sorted([...new Set(names)], (name) => [name]);
}

function sorted<T>(items: readonly T[], keyOf: (item: T) => readonly string[]): readonly T[] {
  const keyed = items.map((item) => ({ item, key: JSON.stringify(keyOf(item)) }));
  return keyed
    .toSorted((one, other) => (one.key < other.key ? -1 : Number(one.key > other.key)))
    .map(({ item }) => item);
}

/** How far a clock elsewhere may be ahead of ours, in milliseconds, before its time is called wrong. */
const CLOCK_SKEW_MS = 5 * 60_000;

/**
 * What is wrong with the ages: a report that is too old, or says no time, is none (Block); with a database that is too old, or
 * says no age, what is known by now is Unknown. A time in the future is as good as none.
 */
function ageObstacles(
  { platform, scannedAt, databaseUpdatedAt }: ReadScan,
  { maxReportAgeMs, maxDatabaseAgeMs }: ScanRule,
  now: Date,
): readonly Obstacle[] {
  const where = platform === '' ? '' : ` for ${platform}`;
  const report = objection(scannedAt, maxReportAgeMs, now);
  const isRequired = databaseUpdatedAt !== 'not-required';
  const database = isRequired ? objection(databaseUpdatedAt, maxDatabaseAgeMs, now) : undefined;
  const about = `the database of the scanner${where}`;
  return [
    ...(report ? [obstacle('Block', 'ReportTooOld', `the report${where} ${report}`)] : []),
    ...(database ? [obstacle('Unknown', 'ScannerDatabaseOld', `${about} ${database}`)] : []),
  ];
}

function objection(time: Date | undefined, maxAgeMs: number | undefined, now: Date): string | undefined {
  if (maxAgeMs === undefined) return undefined;
  const age = now.getTime() - (time?.getTime() ?? NaN);
  // A date that is none compares false with everything.
  if (age >= -CLOCK_SKEW_MS && age <= maxAgeMs) return undefined;
  if (time === undefined || Number.isNaN(age)) return 'says no time';
  const moment = time.toISOString();
  return age < 0 ? `is of the future, ${moment}` : `is of ${moment}, which is too old`;
}

/** What is known of one platform, or of an image that has only one. */
export type Scanned = {
  /** E.g. `linux/arm64`; empty where the image does not say. */
  readonly platform: string;
  /** Of the platform's own manifest. */
  readonly digest: Digest;
} & (
  | {
      readonly kind: 'scan';
      readonly output: ScanOutput;
      /** It was scanned from an SBOM that lists packages of a distribution. */
      readonly listsSystemPackages?: boolean;
      /** The predicate type of the SBOM that was scanned. */
      readonly sbomType?: string;
    }
  /** A report that an accepted signer signed; `databaseUpdatedAt` where the report has it. */
  | {
      readonly kind: 'report';
      readonly statement: Omit<StatementClaim, 'kind'>;
      readonly databaseUpdatedAt?: Date;
    }
  /** It was to be scanned from its SBOM and has none. */
  | { readonly kind: 'no-sbom' }
  | { readonly kind: 'unknown'; readonly reason: Reason; readonly transient: boolean }
);

/** A platform whose report could be read. */
export interface ReadScan {
  readonly platform: string;
  readonly report: VulnerabilityReport;
  readonly scannedAt?: Date;
  /** `not-required` = a signed report, which need not say it: its signer and its own age answer for it. */
  readonly databaseUpdatedAt?: Date | 'not-required';
}

/** Reads what was scanned of a platform, or says what is in the way. */
function readScanned(scanned: Scanned): ReadScan | Obstacle {
  const { platform } = scanned;
  const of = platform === '' ? '' : ` of ${platform}`;
  switch (scanned.kind) {
    case 'unknown': {
      const { code: reason, detail } = scanned.reason;
      return { answer: 'Unknown', reason, detail, transient: scanned.transient };
    }
    case 'no-sbom':
      return obstacle('Block', 'SbomMissing', `there is no SBOM${of}`);
    case 'report': {
      const report = readable(readVulnerabilities(scanned.statement), 'UnreadableEvidence', of);
      if ('answer' in report) return report;
      const { databaseUpdatedAt = 'not-required' } = scanned;
      return { platform, report, scannedAt: report.scannedAt, databaseUpdatedAt };
    }
    case 'scan': {
      const { found, databaseUpdatedAt, finishedAt: scannedAt } = scanned.output;
      const report = readable(found, 'ScannerFailed', of);
      if ('answer' in report) return report;
      const unexamined = unexaminedOf(scanned, report);
      return { platform, report: { ...report, unexamined }, scannedAt, databaseUpdatedAt };
    }
  }
}

const NO_DISTRIBUTION = 'its SBOM lists packages of a distribution that the scanner did not examine';

/** What was not examined by the report, and what only its subject shows: an SBOM does not say for which system it is. */
function unexaminedOf(
  { platform, listsSystemPackages = false }: Extract<Scanned, { kind: 'scan' }>,
  { unexamined, systemExamined = true }: VulnerabilityReport,
): readonly string[] {
  const foreign = foreignSystem(platform.split('/')[0]);
  if (foreign.length > 0) return foreign;
  return listsSystemPackages && !systemExamined && unexamined.length === 0 ? [NO_DISTRIBUTION] : unexamined;
}

function readable(
  report: ReturnType<typeof readVulnerabilities>,
  reason: Obstacle['reason'],
  of: string,
): VulnerabilityReport | Obstacle {
  if (report && !isUnreadable(report)) return report;
  const why = report?.unreadable ?? 'it is about something else';
  return obstacle('Unknown', reason, `the report${of} cannot be read: ${why}`);
}
