import type { Digest, Reason } from '../../model/index.ts';
import { isUnreadable, readVulnerabilities, type VulnerabilityReport } from '../../policy/index.ts';
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
  const of = platform === '' ? '' : ` of ${platform}`;
  switch (scanned.kind) {
    case 'unknown': {
      const { code: reason, detail } = scanned.reason;
      return { answer: 'Unknown', reason, detail, transient: scanned.transient };
    }
    case 'no-sbom':
      return { answer: 'Block', reason: 'SbomMissing', detail: `there is no SBOM${of}`, transient: false };
    case 'report': {
      const report = readReport(scanned.statement, 'UnreadableEvidence', of);
      if ('answer' in report) return report;
      const { databaseUpdatedAt = 'not-required' } = scanned;
      return { platform, report, scannedAt: report.scannedAt, databaseUpdatedAt };
    }
    case 'scan': {
      const { report: predicate, databaseUpdatedAt, finishedAt: scannedAt } = scanned.output;
      const report = readReport({ predicateType: BARE_REPORT, predicate }, 'ScannerFailed', of);
      return 'answer' in report ? report : { platform, report, scannedAt, databaseUpdatedAt };
    }
  }
}

function readReport(
  statement: Parameters<typeof readVulnerabilities>[0],
  reason: Obstacle['reason'],
  of: string,
): VulnerabilityReport | Obstacle {
  const report = readVulnerabilities(statement);
  if (report && !isUnreadable(report)) return report;
  const detail = `the report${of} cannot be read: ${report?.unreadable ?? 'it is about something else'}`;
  return { answer: 'Unknown', reason, detail, transient: false };
}
