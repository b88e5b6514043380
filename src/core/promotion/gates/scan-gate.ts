import {
  highest,
  judgeVulnerabilities,
  SEVERITIES,
  type Severity,
  type AppliedException,
  type VulnerabilityFinding,
  type VulnerabilityJudgement,
} from '../../policy/index.ts';
import { conclude, type ExceptedFinding, type GateResult, type Obstacle } from './gate.ts';
import { readScanned, type ReadScan, type Scanned } from './scanned.ts';

/** Ids of expired exceptions in a message, which is one line of a table. */
const MAX_EXPIRED_SHOWN = 3;

/** What a promotion demands of scans. */
export interface ScanRule {
  readonly failOn: Severity;
  readonly fixableOnly: boolean;
  /** Milliseconds since a report was made; absent = any age. */
  readonly maxReportAgeMs?: number;
  /** Milliseconds since the scanner's database was built; absent = any age. */
  readonly maxDatabaseAgeMs?: number;
  readonly exceptions: readonly AppliedException[];
}

const NOTHING_SCANNED: Obstacle = {
  answer: 'Unknown',
  reason: 'ScannerFailed',
  detail: 'nothing of it was scanned',
  transient: false,
};

/**
 * Judges an image by what was scanned of it: every platform counts, and one that is unknown makes the whole answer Unknown. Nothing
 * scanned at all is Unknown, too. Pure; the answer does not depend on the order of platforms, findings or exceptions.
 */
export function judgeScan(scanned: readonly Scanned[], rule: ScanRule, now: Date): GateResult {
  const parts = scanned.map((one) => readScanned(one));
  const read = parts.filter((part): part is ReadScan => 'report' in part);
  // Of several exceptions for one finding the one that holds longest counts.
  const exceptions = rule.exceptions.toSorted((one, other) => endOf(other) - endOf(one));
  const judged = read.map(({ report }) => judgeVulnerabilities(report, { ...rule, exceptions, now }));
  const obstacles = [
    ...parts.filter((part): part is Obstacle => 'answer' in part),
    ...read.flatMap((part) => ageObstacles(part, rule, now)),
    ...(scanned.length === 0 ? [NOTHING_SCANNED] : []),
  ];
  const all = distinct(read.flatMap(({ report }) => report.findings));
  const excepted = exceptedOf(judged);
  const ends = excepted.flatMap(({ until }) => (until ? [until.getTime()] : []));
  const expiredExceptions = unique(
    judged.flatMap(({ expiredExceptions: expired }) => expired.map(({ id }) => id)),
  );
  const concluded = conclude(
    sorted(obstacles, ({ answer, reason, detail }) => [answer, reason, detail]),
    reassess(judged),
  );
  const worst = all.length > 0 && highest(all.map(({ severity }) => severity));
  return {
    gate: 'scan',
    ...concluded,
    ...(concluded.reason === 'Vulnerable' && {
      message: `${concluded.message}${expiredNote(expiredExceptions)}`,
    }),
    ...(worst !== false && { worst }),
    counts: countsOf(all),
    excepted,
    expiredExceptions,
    ...(ends.length > 0 && { exceptionsUntil: new Date(Math.min(...ends)) }),
    scanner: unique(read.map(({ report }) => report.scanner)).join(', '),
    ...oldest(read),
  };
}

function expiredNote(ids: readonly string[]): string {
  if (ids.length === 0) return '';
  const shown = ids.slice(0, MAX_EXPIRED_SHOWN).join(', ');
  return `; expired exceptions: ${shown}${ids.length > MAX_EXPIRED_SHOWN ? ', …' : ''}`;
}

/** What blocks anywhere, each finding once, worst first. */
function reassess(judged: readonly VulnerabilityJudgement[]): readonly VulnerabilityFinding[] {
  const findings = distinct(judged.flatMap(({ blocking }) => blocking));
  return sorted(findings, ({ severity, id, package: name = '' }) => [
    String(SEVERITIES.length - SEVERITIES.indexOf(severity)),
    id,
    name,
  ]);
}

/** A finding that several platforms have counts once, with its worst severity. */
function distinct(findings: readonly VulnerabilityFinding[]): readonly VulnerabilityFinding[] {
  const byName = new Map<string, VulnerabilityFinding>();
  for (const finding of findings) {
    const key = JSON.stringify([finding.id, finding.package]);
    const twin = byName.get(key);
    byName.set(
      key,
      twin && SEVERITIES.indexOf(twin.severity) >= SEVERITIES.indexOf(finding.severity) ? twin : finding,
    );
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
  for (const { finding, exception } of judged.flatMap(({ excepted }) => excepted)) {
    const { reason, until } = exception;
    byId.set(finding.id, { id: finding.id, reason, ...(until && { until }) });
  }
  return sorted([...byId.values()], ({ id }) => [id]);
}

function countsOf(findings: readonly VulnerabilityFinding[]): Record<Severity, number> {
  const counts = { Unknown: 0, Low: 0, Medium: 0, High: 0, Critical: 0 };
  for (const { severity } of findings) counts[severity] += 1;
  return counts;
}

function oldest(read: readonly ReadScan[]): Pick<GateResult, 'databaseUpdatedAt'> {
  const times = read.map(({ databaseUpdatedAt: time }) => (time instanceof Date ? time.getTime() : NaN));
  const earliest = Math.min(...times);
  return Number.isFinite(earliest) ? { databaseUpdatedAt: new Date(earliest) } : {};
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

/** The times that a report has of itself. */
interface Ages {
  readonly platform: string;
  readonly scannedAt?: Date;
  /** `not-required` = it need not have one. */
  readonly databaseUpdatedAt?: Date | 'not-required';
}

/** How old a report, and the database behind it, may be in milliseconds. */
interface AgeLimits {
  readonly maxReportAgeMs?: number;
  readonly maxDatabaseAgeMs?: number;
}

/**
 * What is wrong with the ages: a report that is too old, or says no time, is none (Block); with a database that is too old, or
 * says no age, what is known by now is Unknown. A time in the future is as good as none.
 */
function ageObstacles(ages: Ages, limits: AgeLimits, now: Date): readonly Obstacle[] {
  const where = ages.platform === '' ? '' : ` for ${ages.platform}`;
  const obstacles: Obstacle[] = [];
  const report = objection(ages.scannedAt, limits.maxReportAgeMs, now);
  if (report !== undefined) {
    obstacles.push({
      answer: 'Block',
      reason: 'ReportTooOld',
      detail: `the report${where} ${report}`,
      transient: false,
    });
  }
  const { databaseUpdatedAt } = ages;
  if (databaseUpdatedAt === 'not-required') return obstacles;
  const database = objection(databaseUpdatedAt, limits.maxDatabaseAgeMs, now);
  if (database !== undefined) {
    const detail = `the database of the scanner${where} ${database}`;
    obstacles.push({ answer: 'Unknown', reason: 'ScannerDatabaseOld', detail, transient: false });
  }
  return obstacles;
}

function objection(time: Date | undefined, maxAgeMs: number | undefined, now: Date): string | undefined {
  if (maxAgeMs === undefined) return undefined;
  const age = now.getTime() - (time?.getTime() ?? NaN);
  // A date that is none compares false with everything.
  if (age >= -CLOCK_SKEW_MS && age <= maxAgeMs) return undefined;
  if (time === undefined || Number.isNaN(age)) return 'says no time';
  return age < 0
    ? `is of the future, ${time.toISOString()}`
    : `is of ${time.toISOString()}, which is too old`;
}
