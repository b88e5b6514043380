import { digestOf } from '../../../../src/core/model/index.ts';
import { reportRead } from '../../../support/promotions/scan-reports.ts';
import type { Scanned, ScanRule } from '../../../../src/core/promotion/gates/scan-gate.ts';

/** The moment at which tests judge. */
export const NOW = new Date('2026-03-02T12:00:00Z');
const HOUR_MS = 3_600_000;

/** A moment before (or, with a minus, after) {@link NOW}. */
export function hoursAgo(hours: number): Date {
  return new Date(NOW.getTime() - hours * HOUR_MS);
}

/** What follows, by default, from what of a report cannot be judged. */
export const STRICT = { unknownSeverity: 'Block', unsupported: 'Unknown' } as const;

/** A rule that blocks on High, less what a test changes. */
export function rule(more: Partial<ScanRule> = {}): ScanRule {
  return { failOn: 'High', fixableOnly: false, ...STRICT, exceptions: [], ...more };
}

/** A finding as a test writes it. */
export interface Row {
  readonly id: string;
  readonly severity?: string;
  readonly pkg?: string;
  readonly fixed?: string;
}

/** Trivy's JSON with these findings. */
export function report(rows: readonly Row[]): unknown {
  return {
    SchemaVersion: 2,
    Trivy: { Version: '0.74.0' },
    CreatedAt: hoursAgo(1).toISOString(),
    Results: [
      {
        Vulnerabilities: rows.map(({ id, severity = 'HIGH', pkg = 'musl', fixed }) => ({
          VulnerabilityID: id,
          PkgName: pkg,
          Severity: severity,
          ...(fixed !== undefined && { FixedVersion: fixed }),
        })),
      },
    ],
  };
}

/** A platform that was scanned an hour ago with a database three hours old. */
export function scan(
  rows: readonly Row[],
  more: {
    readonly platform?: string;
    readonly report?: unknown;
    readonly built?: Date | null;
    readonly at?: Date;
  } = {},
): Scanned {
  const { platform = 'linux/amd64', built = hoursAgo(3), at = hoursAgo(1) } = more;
  const read = reportRead('report' in more ? more.report : report(rows));
  // A scanner that prints no report has failed.
  if (read === undefined) return unreadable(false, platform);
  return {
    kind: 'scan',
    platform,
    digest: digestOf(platform),
    output: {
      ...read,
      scanner: { name: 'trivy', version: '0.74.0' },
      startedAt: at,
      finishedAt: at,
      ...(built !== null && { databaseUpdatedAt: built }),
    },
  };
}

/** A platform that could not be scanned. */
export function unreadable(transient = true, platform = 'linux/arm64'): Scanned {
  const reason = { code: 'ScannerFailed', detail: 'it hung' } as const;
  return { kind: 'unknown', platform, digest: digestOf(platform), reason, transient };
}
