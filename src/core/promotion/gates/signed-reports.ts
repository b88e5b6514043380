import { parsed } from '../../model/index.ts';
import type { Digest, Evidence, Parsed, Problem, ProvenSignature, SignedClaim } from '../../model/index.ts';
import {
  compileAuthorities,
  isUnreadable,
  objection,
  readVulnerabilities,
  RELEASE_PREDICATE_TYPE,
} from '../../policy/index.ts';
import type { Authority, CompiledPolicy, Given } from '../../policy/index.ts';
import type { ImagePromotionSpec, ScanSpec } from '../schema.ts';
import type { Scanned } from './scan-gate.ts';

/**
 * What is gathered of an image by these authorities: their reports, and on request their release statements; `undefined` = there
 * are none. Its verdict is not used. The problems of authorities have the path at which they are written.
 */
function gatheringBy(
  name: string,
  written: ScanSpec['authorities'],
  { path, given, releases }: { readonly path: string; readonly given: Given; readonly releases: boolean },
): Parsed<CompiledPolicy | undefined> {
  if (written.length === 0) return parsed(undefined);
  const problems: Problem[] = [];
  const authorities = compileAuthorities(written, { ...given, path }, problems);
  if (problems.length > 0) return { ok: false, problems };
  const from = [...authorities.values()].filter((one) => one !== undefined);
  const released = { predicateType: RELEASE_PREDICATE_TYPE, from, conditions: [] };
  return parsed({
    name,
    enforcement: 'Deny',
    onUnknown: 'Deny',
    pinDigests: false,
    coversImage: () => true,
    digest: false,
    attestations: releases ? [released] : [],
    vulnerabilities: {
      failOn: 'Unknown',
      fixableOnly: false,
      unknownSeverity: 'Block',
      unsupported: 'Unknown',
      unsigned: false,
      from,
      exceptions: [],
    },
  });
}

/** What is gathered by the authorities of `scan`; `undefined` where it names none. The gate judges the report. */
export function reportPolicy(
  { promote }: Pick<ImagePromotionSpec, 'promote'>,
  given: Given,
): Parsed<CompiledPolicy | undefined> {
  const path = 'spec.promote.scan.authorities';
  return gatheringBy('scan', promote?.scan?.authorities ?? [], { path, given, releases: false });
}

/** What is gathered by the key with which a promotion signs: its reports and its release statements; `undefined` for no key. */
export function ownPolicy(
  signer: { readonly publicKey?: string } | undefined,
  given: Given,
): Parsed<CompiledPolicy | undefined> {
  const pem = signer?.publicKey;
  const own = pem === undefined ? [] : [{ name: 'own', key: { pem }, timestamps: 'NotRequired' as const }];
  return gatheringBy('own', own, { path: 'spec.promote.sign', given, releases: true });
}

/** What is proven about an image, and the first thing that could not be read, which might be newer and worse. The rest proves nothing. */
export function readProven(signatures: Evidence['signatures'] | undefined) {
  if (signatures?.state === 'unknown') return { proven: [], unread: signatures };
  const all = signatures?.state === 'found' ? signatures.value : [];
  const unread = all.find((one) => one.state === 'unread');
  return { proven: all.filter((one) => one.state === 'proven'), unread };
}

/**
 * The newest report about the image by an accepted signer. None is a gate that cannot answer; what could not be read might be
 * newer and worse, and leaves it unanswered as well.
 */
export function readSignedReports(
  signatures: Evidence['signatures'] | undefined,
  { vulnerabilities }: CompiledPolicy,
  digest: Digest,
): readonly Scanned[] {
  const { proven, unread } = readProven(signatures);
  const unknown = { platform: '', digest, kind: 'unknown' } as const;
  if (unread) return [{ ...unknown, reason: unread.reason, transient: unread.transient }];
  const chosen = newestReports(proven, vulnerabilities?.from ?? [], digest);
  if (chosen.length > 0) return chosen;
  const reason = { code: 'ReportMissing', detail: 'there is no report by an accepted signer' } as const;
  return [{ ...unknown, reason, transient: false }];
}

/** The newest reports by these authorities; one whose time is the same as another's does not hide it. */
export function newestReports(
  proven: readonly ProvenSignature[],
  from: readonly Authority[],
  digest: Digest,
): readonly Scanned[] {
  const reports = proven.filter((one) => isBy(from, one)).flatMap(({ says }) => reportIn(says));
  const newest = Math.max(...reports.map(({ time }) => time));
  return reports
    .filter(({ time }) => time === newest)
    .map(({ statement }) => ({ platform: '', digest, kind: 'report', statement }));
}

/** Whether one of these authorities made it. */
export function isBy(from: readonly Authority[], signature: ProvenSignature): boolean {
  return from.some((authority) => objection(authority, signature) === undefined);
}

/** A report with its time; what cannot be read counts as the newest, so that an older one does not stand in for it. */
function reportIn(says: SignedClaim) {
  const report = says.kind === 'statement' ? readVulnerabilities(says) : undefined;
  if (says.kind !== 'statement' || !report) return [];
  const time = isUnreadable(report) ? Infinity : (report.scannedAt?.getTime() ?? -Infinity);
  return [{ time, statement: says }];
}
