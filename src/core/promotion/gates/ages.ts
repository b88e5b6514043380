import type { Obstacle } from './gate.ts';

/** How far a clock elsewhere may be ahead of ours, in milliseconds, before its time is called wrong. */
const CLOCK_SKEW_MS = 5 * 60_000;

/** The times that a report tells of itself. */
export interface Ages {
  readonly platform: string;
  readonly scannedAt?: Date;
  /** `untold` = it need not say. */
  readonly databaseUpdatedAt?: Date | 'untold';
}

/** How old a report, and the database behind it, may be in milliseconds. */
export interface AgeLimits {
  readonly maxReportAgeMs?: number;
  readonly maxDatabaseAgeMs?: number;
}

/**
 * What is wrong with the ages: a report that is too old, or says no time, is none (Block); with a database that is too old, or
 * says no age, nobody can tell what is known by now (Unknown). A time in the future is as good as none.
 */
export function ageObstacles(ages: Ages, limits: AgeLimits, now: Date): readonly Obstacle[] {
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
  if (databaseUpdatedAt === 'untold') return obstacles;
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
