import { nameOf, rfc3339, type Descriptor, type ImageRef, type PinnedRef } from '../../model/index.ts';
import { piecesOf } from '../gates/scan-report.ts';
import type { ScanOutput, WrittenStatement } from '../ports.ts';
import type { Artifact } from './artifact.ts';
import { plainStatement, statementAbout } from './statement.ts';

/** Predicate type of cosign's vulnerability attestation (cosign COSIGN_VULN_ATTESTATION_SPEC). */
export const VULNERABILITY_PREDICATE_TYPE = 'https://cosign.sigstore.dev/attestation/vuln/v1';

/** A scan, and by what it was judged. */
export interface ScanRecord {
  readonly scan: Omit<ScanOutput, 'found'>;
  /** Where the scanned image lay. */
  readonly source: ImageRef;
  readonly method: 'image' | 'sbom';
  /** Predicate types of the SBOMs that were scanned. */
  readonly sbomTypes?: readonly string[] | undefined;
  /** Severity from which findings count. */
  readonly threshold: string;
  /** Ids that were let pass by the promotion itself. */
  readonly exceptions: readonly string[];
  /** A person let it pass nevertheless; `decidedIn` leads to where they did. */
  readonly override?:
    { readonly approver: string; readonly decidedIn: string; readonly waived: readonly string[] } | undefined;
}

/** What a scan found about an image, as a statement to be signed or attached as it is: the report is put into it unread. */
export function vulnerabilityStatement(image: PinnedRef, scan: ScanRecord['scan']): WrittenStatement {
  const { scanner, report, databaseUpdatedAt, startedAt, finishedAt } = scan;
  const lastUpdate = databaseUpdatedAt && rfc3339(databaseUpdatedAt);
  const { predicate, ...about } = statementAbout(image, VULNERABILITY_PREDICATE_TYPE, {
    invocation: { parameters: [], uri: '', event_id: '', 'builder.id': '' },
  });
  const { name: uri, version } = scanner;
  const by = { uri, version, db: { uri: '', version: '', lastUpdate } };
  const metadata = { scanStartedOn: rfc3339(startedAt), scanFinishedOn: rfc3339(finishedAt) };
  const before = `${unclosed(about)},"predicate":${unclosed(predicate)},"scanner":${unclosed(by)},"result":`;
  const after = `},"metadata":${JSON.stringify(metadata)}}}`;
  const json = Buffer.concat([Buffer.from(before), ...piecesOf(report), Buffer.from(after)]);
  return { predicateType: VULNERABILITY_PREDICATE_TYPE, json };
}

/** The JSON of an object that has fields, without the brace at its end: more fields follow. */
function unclosed(fields: unknown): string {
  return JSON.stringify(fields).slice(0, -1);
}

/** The statement as a referrer of the image, summed up in annotations as the public promotion workflows do. */
export function reportRecord(statement: WrittenStatement, record: ScanRecord, subject: Descriptor): Artifact {
  const { scan, source, method, threshold, exceptions, override, sbomTypes } = record;
  const { name, version } = scan.scanner;
  return plainStatement(statement, {
    subject,
    at: scan.finishedAt,
    file: 'vuln-attestation.json',
    annotations: {
      'com.cssc.scan.source': nameOf(source),
      'com.cssc.scan.tag': source.tag,
      'com.cssc.scan.threshold': threshold.toUpperCase(),
      // Also when there are none: their readers expect it.
      'com.cssc.scan.exceptions': exceptions.join('|'),
      'com.cssc.scan.scanner': name,
      'com.cssc.scan.scanner-version': version,
      'com.cssc.scan.method': method,
      'com.cssc.scan.sbom-predicate-type': sbomTypes?.join('|'),
      'com.cssc.scan.override': override && 'true',
      'com.cssc.scan.override-approver': override?.approver,
      'com.cssc.scan.override-issue': override?.decidedIn,
      'com.cssc.scan.override-cves': override?.waived.join('|'),
    },
  });
}
