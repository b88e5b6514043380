import type { Digest, Reason } from '../../model/index.ts';
import {
  isUnreadable,
  readVulnerabilities,
  type UnreadableReport,
  type VulnerabilityReport,
} from '../../policy/index.ts';
import type { ScanOutput } from '../ports.ts';
import type { Obstacle } from './gate.ts';

/** What is known of one platform, or of an image that has only one. */
export type Scanned = {
  /** E.g. `linux/arm64`; empty where the image does not say. */
  readonly platform: string;
  /** Of the platform's own manifest. */
  readonly digest: Digest;
} & (
  | { readonly kind: 'scan'; readonly output: ScanOutput }
  /** A report that an accepted signer signed; `databaseUpdatedAt` where the report has it. */
  | {
      readonly kind: 'report';
      readonly statement: { readonly predicateType: string; readonly predicate: unknown };
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

/** The type under which a bare report of a scanner is read. */
const BARE_REPORT = 'application/vnd.aquasec.trivy.report+json';

/** Reads what was scanned of a platform, or says what is in the way. */
export function readScanned(scanned: Scanned): ReadScan | Obstacle {
  const { platform } = scanned;
  switch (scanned.kind) {
    case 'unknown':
      return {
        answer: 'Unknown',
        reason: scanned.reason.code,
        detail: scanned.reason.detail,
        transient: scanned.transient,
      };
    case 'no-sbom':
      return {
        answer: 'Block',
        reason: 'SbomMissing',
        detail: `there is no SBOM${of(platform)}`,
        transient: false,
      };
    case 'report': {
      const report = readVulnerabilities(scanned.statement);
      if (!isReadable(report)) return unreadable('UnreadableEvidence', platform, report);
      const { scannedAt } = report;
      const databaseUpdatedAt = scanned.databaseUpdatedAt ?? 'not-required';
      return { platform, report, databaseUpdatedAt, ...(scannedAt && { scannedAt }) };
    }
    case 'scan': {
      const { report: predicate, databaseUpdatedAt, finishedAt: scannedAt } = scanned.output;
      const report = readVulnerabilities({ predicateType: BARE_REPORT, predicate });
      if (!isReadable(report)) return unreadable('ScannerFailed', platform, report);
      return { platform, report, scannedAt, ...(databaseUpdatedAt && { databaseUpdatedAt }) };
    }
  }
}

function isReadable(
  report: VulnerabilityReport | UnreadableReport | undefined,
): report is VulnerabilityReport {
  return report !== undefined && !isUnreadable(report);
}

function unreadable(
  reason: Obstacle['reason'],
  platform: string,
  report: UnreadableReport | undefined,
): Obstacle {
  const why = report === undefined ? 'it is about something else' : report.unreadable;
  return {
    answer: 'Unknown',
    reason,
    detail: `the report${of(platform)} cannot be read: ${why}`,
    transient: false,
  };
}

function of(platform: string): string {
  return platform === '' ? '' : ` of ${platform}`;
}
