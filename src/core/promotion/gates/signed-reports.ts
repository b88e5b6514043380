import type { Digest, Evidence, Parsed, ProvenSignature, SignedClaim } from '../../model/index.ts';
import {
  API_VERSION,
  compilePolicy,
  isUnreadable,
  objection,
  readVulnerabilities,
  type CompiledPolicy,
  type Given,
} from '../../policy/index.ts';
import type { ScanSpec } from '../schema.ts';
import type { Scanned } from './scanned.ts';

/**
 * The policy by whose authorities signed reports of an image are gathered, or the problems of those authorities by the field
 * of the promotion. Its verdict is not asked: the gate judges the report.
 */
export function reportPolicy({ authorities }: ScanSpec, given: Given): Parsed<CompiledPolicy> {
  const read = compilePolicy(
    {
      apiVersion: API_VERSION,
      kind: 'ImagePolicy',
      metadata: { name: 'scan' },
      spec: {
        match: { images: ['**'] },
        authorities,
        require: { vulnerabilities: { from: authorities.map(({ name }) => name) } },
      },
    },
    given,
  );
  if (read.ok) return read;
  const problems = read.problems.map(({ path, message }) => ({
    path: path.replace(/^spec\.authorities/, 'spec.promote.scan.authorities'),
    message,
  }));
  return { ok: false, problems };
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
  const dark = (reason: Extract<Scanned, { kind: 'unknown' }>['reason'], transient: boolean) =>
    [{ platform: '', digest, kind: 'unknown', reason, transient }] as const;
  if (signatures?.state === 'unknown') return dark(signatures.reason, signatures.transient);
  const all = signatures?.state === 'found' ? signatures.value : [];
  const unread = all.find((one) => one.state === 'unread');
  if (unread?.state === 'unread') return dark(unread.reason, unread.transient);
  const accepted = all.filter(
    (one): one is ProvenSignature =>
      one.state === 'proven' &&
      (vulnerabilities?.from ?? []).some((authority) => objection(authority, one) === undefined),
  );
  const reports = accepted.flatMap(({ says }) => reportIn(says));
  const newest = Math.max(...reports.map(({ time }) => time));
  const chosen = reports.filter(({ time }) => time === newest);
  if (chosen.length === 0)
    return dark({ code: 'ReportMissing', detail: 'there is no report by an accepted signer' }, false);
  return chosen.map(({ statement }) => ({ platform: '', digest, kind: 'report', statement }));
}

/** A report with its time; what cannot be read counts as the newest, so that an older one does not stand in for it. */
function reportIn(says: SignedClaim) {
  if (says.kind !== 'statement') return [];
  const { predicateType, predicate } = says;
  const report = readVulnerabilities(says);
  if (!report) return [];
  const time = isUnreadable(report) ? Infinity : (report.scannedAt?.getTime() ?? -Infinity);
  return [{ time, statement: { predicateType, predicate } }];
}
