import type { Severity } from './severity.ts';

/** Most findings of one report, before those that repeat are folded; the worst images have some thousands. */
export const MAX_FINDINGS = 50_000;

/** One vulnerability in one package. */
export interface VulnerabilityFinding {
  /** As the report names it, e.g. `CVE-2026-0001`. */
  readonly id: string;
  readonly severity: Severity;
  /** Whether a fixed version is known; also true when the report does not say, so that silence never hides a finding. */
  readonly fixable: boolean;
  readonly package?: string;
}

/** What a scanner found, whatever format it was written in. */
export interface VulnerabilityReport {
  /** The scanner's own name or URI, with its version as far as the report has it. */
  readonly scanner: string;
  /** When the scan ended. When the report has several times, the earliest: a converted report is as old as its scan. */
  readonly scannedAt?: Date;
  /** Set when the report has a time that cannot be read; then `scannedAt` is absent. */
  readonly unreadableTime: boolean;
  readonly findings: readonly VulnerabilityFinding[];
}

/** A vulnerability report that cannot be read, and why as one clause: it must never count as a report without findings. */
export interface UnreadableReport {
  readonly unreadable: string;
}

/** What the reader of one format makes of a document, before times are read and findings folded. */
export interface RawReport {
  readonly scanner: string;
  readonly times: readonly (string | null | undefined)[];
  readonly findings: readonly VulnerabilityFinding[];
}

/** Whether reading failed. */
export function isUnreadable(read: object): read is UnreadableReport {
  return 'unreadable' in read;
}
