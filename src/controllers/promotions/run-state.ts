import * as z from 'zod';
import { parseDigest } from '../../core/model/index.ts';
import { parseTime } from '../../core/policy/index.ts';
import {
  decisionFor,
  misfit,
  type Approval,
  type ImagePromotionRunStatus,
  parseApproval,
} from '../../core/promotion/index.ts';
import type { ApprovalObject, RunObject } from './ports.ts';
import { isReady, readPins, type Decide } from './run/pins.ts';

const OVER: ReadonlySet<string | undefined> = new Set(['Succeeded', 'Blocked', 'Failed']);

/** Whether a run has ended. A run whose images wait for a person has ended, too, but may continue. */
export function isOver({ phase }: Pick<ImagePromotionRunStatus, 'phase'>): boolean {
  return OVER.has(phase);
}

/**
 * The decisions about the waiting images of a run, by approvals that it has not considered yet: an approval that did not suffice
 * is not tried a second time.
 */
export function decideBy(
  { metadata: { name: runName, uid: runUID }, status = {} }: RunObject,
  approvals: readonly KnownApproval[],
  now: Date,
): Decide {
  const considered = new Set(status.considered);
  const fresh = approvals.filter(({ uid }) => !considered.has(uid));
  return ({ planned: { digest }, gateHash }) =>
    decisionFor(fresh, { runName, runUID, digest, gateHash, now });
}

/**
 * Why approvals that name this run decide about none of its images that wait, one sentence each; none for what was considered
 * before, and for a run with which nothing waits.
 */
export function unfitApprovals(
  { metadata: { name: runName, uid: runUID }, status = {} }: RunObject,
  approvals: readonly KnownApproval[],
  now: Date,
): readonly string[] {
  const considered = new Set(status.considered);
  const waiting = readPins(status).flatMap(({ planned: { digest }, gateHash }) =>
    gateHash === undefined ? [] : [{ runName, runUID, digest, gateHash, now }],
  );
  const fresh = approvals.filter(({ uid }) => !considered.has(uid));
  return fresh.flatMap((approval) => {
    const about = waiting.filter(({ digest }) => digest === approval.digest);
    const reasons = (about.length > 0 ? about : waiting).map((wanted) => misfit(approval, wanted));
    const [why] = reasons;
    if (why === undefined || reasons.includes(undefined)) return [];
    return [`PromotionApproval "${approval.name}" does not count for run ${runName}: ${why}.`];
  });
}

/** Whether a run that has ended continues, because a person has decided since. */
export function goesOn(run: RunObject, approvals: readonly KnownApproval[], now: Date): boolean {
  const decide = decideBy(run, approvals, now);
  return readPins(run.status ?? {}).some((pin) => pin.gateHash !== undefined && isReady(pin, decide));
}

/** An approval, with the name of its object. */
export interface KnownApproval extends Approval {
  readonly name: string;
  readonly uid: string;
}

/**
 * Reads the approvals among objects. An approval that cannot be read decides nothing: the API server validates approvals against
 * their schema, and an admission policy checks that the name in them is the author's.
 */
export function readApprovals(objects: readonly ApprovalObject[]): readonly KnownApproval[] {
  return objects.flatMap((object) => {
    const { name, uid, deletionTimestamp } = object.metadata;
    const read = parseApproval(object);
    if (!read.ok || deletionTimestamp !== undefined) return [];
    const { spec } = read.value;
    const [digest, until] = [parseDigest(spec.digest), parseTime(spec.until)];
    return digest && until ? [{ ...spec, name, uid, digest, until }] : [];
  });
}

/** A run, as its promotion needs it. */
export interface RecordedRun {
  readonly object: RunObject;
  readonly name: string;
  readonly generation: number;
  readonly attempt: number;
  /** The request of a person that it answers. */
  readonly requestedAt?: string;
  readonly createdAt: Date;
  readonly over: boolean;
  readonly endedAt?: Date;
  /** Why it selected no image. */
  readonly nothing?: string;
  /** Why it failed, and whether the failure is transient. */
  readonly failure?: { readonly code: string; readonly message: string; readonly retryable: boolean };
}

/** Annotation of a run: the request of a person that was answered by it. */
export const ANSWERS_REQUEST = 'pratique.dev/answers-request';

const wanted = z.object({ promotion: z.object({ generation: z.number() }), attempt: z.number().default(0) });
/** For a run that another version of the program wrote. */
const UNREADABLE = { promotion: { generation: 0 }, attempt: 0 };

/** Reads the runs of a promotion, the newest first. */
export function knownRuns(objects: readonly RunObject[]): readonly RecordedRun[] {
  return objects
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .map(recordedRun)
    .toSorted((a, b) => b.createdAt.getTime() - a.createdAt.getTime() || (a.name < b.name ? 1 : -1));
}

function recordedRun(object: RunObject): RecordedRun {
  const { metadata, spec, status = {} } = object;
  const { promotion, attempt } = wanted.safeParse(spec).data ?? UNREADABLE;
  const over = isOver(status);
  const { completionTime } = status;
  return {
    object,
    name: metadata.name,
    generation: promotion.generation,
    attempt,
    requestedAt: metadata.annotations?.[ANSWERS_REQUEST],
    createdAt: new Date(metadata.creationTimestamp),
    over,
    endedAt: over && completionTime !== undefined ? new Date(completionTime) : undefined,
    nothing: status.plan?.nothing,
    failure: failureOf(status),
  };
}

function failureOf(status: NonNullable<RunObject['status']>): RecordedRun['failure'] {
  if (status.phase !== 'Failed') return undefined;
  const failed = status.conditions?.find(({ type }) => type === 'Failed');
  const { reason = 'Failed', message = '' } = failed ?? {};
  return { code: reason, message, retryable: status.retryable ?? false };
}
