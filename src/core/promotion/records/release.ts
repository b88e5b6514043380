import { nameOf, type Digest, type PinnedRef, rfc3339 } from '../../model/index.ts';
import { RELEASE_PREDICATE_TYPE } from '../../policy/index.ts';
import type { Statement } from '../ports.ts';
import type { RunIdentity } from './run-identity.ts';
import { statementAbout } from './statement.ts';

/** A gate as an image went through it. */
export interface PassedGate {
  /** E.g. `policy golden-candidates`, `scan`. */
  readonly name: string;
  /** What it would have said by itself; a blocked one was opened by an approver. */
  readonly result: 'Pass' | 'Block';
  /** What judged, by name: the hash of a policy, the version of a scanner. */
  readonly versions: Readonly<Record<string, string>>;
}

/** Something that was let pass, by the promotion or by a person. */
export interface ReleasedFinding {
  readonly id: string;
  readonly reason: string;
  /** The last moment at which that holds. */
  readonly until?: Date;
}

/** Why an image is where it is. */
export interface Release {
  readonly source: PinnedRef;
  /** What the statement is about. */
  readonly target: PinnedRef;
  readonly promotedAt: Date;
  readonly run: RunIdentity;
  readonly gates: readonly PassedGate[];
  /** Exceptions of the promotion that were needed. */
  readonly exceptions: readonly ReleasedFinding[];
  /** Ids that an approver accepted. */
  readonly waived: readonly string[];
  /** Proven by the API server, which admits no approval in another name. */
  readonly approver?: string;
  /** Why, in the words of the approver. */
  readonly approvalReason?: string;
  /** The last moment at which the approval holds. */
  readonly approvedUntil?: Date;
  /** The manifest of the attached scan report. */
  readonly reportDigest?: Digest;
  /** How old the knowledge of the scanner was. */
  readonly databaseUpdatedAt?: Date;
}

/**
 * The statement that releases an image: signed by an authority that a policy names in `quarantine.releasedBy` it lifts every flag
 * from exactly this digest, and it answers from the registry alone why the image is there.
 */
export function releaseStatement(release: Release): Statement {
  const { source, target, promotedAt, run, gates, waived, approver, reportDigest } = release;
  const { exceptions, databaseUpdatedAt, approvalReason, approvedUntil } = release;
  return statementAbout(target, RELEASE_PREDICATE_TYPE, {
    source: placeOf(source),
    target: placeOf(target),
    promotedAt: rfc3339(promotedAt),
    run: { name: run.name, id: run.id, ...(run.url !== undefined && { url: run.url }) },
    gates: gates.map(({ name, result, versions }) => ({ name, result, versions })),
    exceptions: exceptions.map(({ id, reason, until }) => ({
      id,
      reason,
      ...(until && { until: rfc3339(until) }),
    })),
    waived: [...waived],
    ...(approver !== undefined && { approver }),
    ...(approvalReason !== undefined && { approvalReason }),
    ...(approvedUntil && { approvedUntil: rfc3339(approvedUntil) }),
    ...(reportDigest !== undefined && { reportDigest }),
    ...(databaseUpdatedAt && { databaseUpdatedAt: rfc3339(databaseUpdatedAt) }),
  });
}

function placeOf(image: PinnedRef): object {
  const { tag, digest } = image;
  return { repository: nameOf(image), ...(tag !== undefined && { tag }), digest };
}
