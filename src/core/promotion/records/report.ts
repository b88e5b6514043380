import {
  type Annotations,
  type Descriptor,
  type Digest,
  type ImageRef,
  type PinnedRef,
  rfc3339,
} from '../../model/index.ts';
import { nameOf } from '../../model/index.ts';
import type { ScanOutput, Statement } from '../ports.ts';
import { type Artifact } from './artifact.ts';
import { STATEMENT_ANNOTATION } from './claims.ts';
import { findPlainStatement, plainStatement, present } from './plain-statement.ts';
import { statementAbout, statementDigest } from './statement.ts';

/** Predicate type of cosign's vulnerability attestation (cosign COSIGN_VULN_ATTESTATION_SPEC). */
export const VULNERABILITY_PREDICATE_TYPE = 'https://cosign.sigstore.dev/attestation/vuln/v1';

/** A scan, and by what it was judged. */
export interface ScanRecord {
  readonly scan: ScanOutput;
  /** Where the scanned image lay. */
  readonly source: ImageRef;
  readonly method: 'image' | 'sbom';
  /** Severity from which findings count. */
  readonly threshold: string;
  /** Ids that were let pass by the promotion itself. */
  readonly exceptions: readonly string[];
  /** A person let it pass nevertheless. */
  readonly override?: {
    readonly approver: string;
    readonly waived: readonly string[];
    /** Where that was discussed. */
    readonly issue?: string;
  };
}

/** What a scan found about an image, as a statement to be signed or attached as it is. */
export function vulnerabilityStatement(image: PinnedRef, { scan }: Pick<ScanRecord, 'scan'>): Statement {
  const { scanner, report, databaseUpdatedAt, startedAt, finishedAt } = scan;
  return statementAbout(image, VULNERABILITY_PREDICATE_TYPE, {
    invocation: { parameters: [], uri: '', event_id: '', 'builder.id': '' },
    scanner: {
      uri: scanner.name,
      version: scanner.version,
      db: {
        uri: '',
        version: '',
        ...(databaseUpdatedAt && { lastUpdate: rfc3339(databaseUpdatedAt) }),
      },
      result: report,
    },
    metadata: { scanStartedOn: rfc3339(startedAt), scanFinishedOn: rfc3339(finishedAt) },
  });
}

/** The statement as a referrer of the image, summed up in annotations as the public promotion workflows do. */
export function reportRecord(image: PinnedRef, record: ScanRecord, subject: Descriptor): Artifact {
  return plainStatement(vulnerabilityStatement(image, record), {
    subject,
    at: record.scan.finishedAt,
    annotations: summaryOf(record),
  });
}

/** The report of exactly this statement among the referrers. */
export function findReport(referrers: readonly Descriptor[], statement: Statement): Descriptor | undefined {
  const says: Digest = statementDigest(statement);
  return findPlainStatement(referrers, VULNERABILITY_PREDICATE_TYPE, { [STATEMENT_ANNOTATION]: says });
}

function summaryOf({ scan, source, method, threshold, exceptions, override }: ScanRecord): Annotations {
  const { name, version } = scan.scanner;
  return present({
    'com.cssc.scan.source': nameOf(source),
    'com.cssc.scan.tag': source.tag,
    'com.cssc.scan.threshold': threshold.toUpperCase(),
    'com.cssc.scan.exceptions': listOf(exceptions),
    'com.cssc.scan.scanner': name,
    'com.cssc.scan.scanner-version': version,
    'com.cssc.scan.method': method,
    ...(override && {
      'com.cssc.scan.override': 'true',
      'com.cssc.scan.override-approver': override.approver,
      'com.cssc.scan.override-issue': override.issue,
      'com.cssc.scan.override-cves': listOf(override.waived),
    }),
  });
}

function listOf(ids: readonly string[]): string | undefined {
  return ids.length === 0 ? undefined : ids.join('|');
}
