import { nameOf, rfc3339, type Digest, type PinnedRef } from '../../model/index.ts';
import { RELEASE_PREDICATE_TYPE } from '../../policy/index.ts';
import type { ExceptedFinding } from '../gates/gate.ts';
import type { Statement } from '../ports.ts';
import { statementAbout, type RunIdentity } from './statement.ts';

/** A gate as an image went through it. */
export interface PassedGate {
  /** E.g. `policy golden-candidates`, `scan`. */
  readonly name: string;
  /** What it would have said by itself; a blocked one was opened by an approver. */
  readonly result: 'Pass' | 'Block';
  /** What judged, by name: the hash of a policy, the version of a scanner. */
  readonly versions: Readonly<Record<string, string>>;
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
  readonly exceptions: readonly ExceptedFinding[];
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
  const { source, target, promotedAt, run, gates, exceptions, waived, approver, reportDigest } = release;
  const { approvalReason, approvedUntil, databaseUpdatedAt } = release;
  return statementAbout(target, RELEASE_PREDICATE_TYPE, {
    source: placeOf(source),
    target: placeOf(target),
    promotedAt: rfc3339(promotedAt),
    run: { name: run.name, id: run.id, url: run.url },
    gates: gates.map(({ name, result, versions }) => ({ name, result, versions })),
    exceptions: exceptions.map(({ id, reason, until }) => ({ id, reason, until: timeOf(until) })),
    waived,
    approver,
    approvalReason,
    approvedUntil: timeOf(approvedUntil),
    reportDigest,
    databaseUpdatedAt: timeOf(databaseUpdatedAt),
  });
}

const timeOf = (moment: Date | undefined): string | undefined => moment && rfc3339(moment);

function placeOf(image: PinnedRef): object {
  const { tag, digest } = image;
  return { repository: nameOf(image), tag, digest };
}
