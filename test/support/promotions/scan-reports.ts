import { piecesOf, readScanReport, type ReportText } from '../../../src/core/promotion/gates/scan-report.ts';
import type { ReportReader, ScanReport } from '../../../src/core/promotion/index.ts';

/** Reads reports of every size on this thread. */
export const readReportHere: ReportReader = async (printed) => ({ ok: true, value: readScanReport(printed) });

/** What a scanner that prints this value is read as; `undefined` when that is no report. */
export function reportRead(value: unknown): ScanReport | undefined {
  const read = readScanReport(Buffer.from(JSON.stringify(value)));
  return read.ok ? read.value : undefined;
}

/** The same for a value that is a report. */
export function scanReport(value: unknown): ScanReport {
  const read = reportRead(value);
  if (read === undefined) throw new Error('no report');
  return read;
}

/** The report itself, as JSON. */
export function reportJson(report: ReportText): string {
  return Buffer.concat(piecesOf(report)).toString();
}
