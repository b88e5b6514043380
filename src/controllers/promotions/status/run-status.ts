import { conditionOf, rfc3339, type Reason, type ConditionContent } from '../../../core/model/index.ts';
import {
  MAX_CONSIDERED,
  phaseOf,
  rowName,
  type ImagePromotionRunStatus,
  type RunImage,
} from '../../../core/promotion/index.ts';
import type { RunObject } from '../ports.ts';
import { type KnownApproval, goesOn, isOver } from '../run-state.ts';
import type { RunProgress } from './run-progress.ts';

/**
 * The status with which a run begins, or continues: after a crash, or because a person has decided since it ended. `undefined` =
 * it is over.
 */
export function beginStatus(
  run: RunObject,
  approvals: readonly KnownApproval[],
  now: Date,
): ImagePromotionRunStatus | undefined {
  const { status = {} } = run;
  const phase = 'Running';
  if (!isOver(status)) return { ...status, phase, startTime: status.startTime ?? rfc3339(now) };
  if (!goesOn(run, approvals, now)) return undefined;
  return { ...status, completionTime: undefined, retryable: undefined, phase, resumeTime: rfc3339(now) };
}

/** The execution of a run, as it is reported. */
interface Reported {
  /** The status with which it began. */
  readonly begun: ImagePromotionRunStatus;
  /** Absent = it has no plan yet. */
  readonly progress?: RunProgress;
  readonly now: Date;
  readonly dryRun: boolean;
  /** The registry that is left alone because of its limits, and until when. */
  readonly waiting?: RegistryWait | undefined;
}

/** A registry in which nothing new is begun for some time. */
export interface RegistryWait {
  readonly side: 'source' | 'target';
  readonly until: Date;
}

/** The status of a run that is under way. */
export function openStatus({ now, dryRun, waiting, ...reported }: Reported): ImagePromotionRunStatus {
  const wait = waiting && waiting.until > now ? waiting : undefined;
  const status = { ...progressed(reported), waitsUntil: wait && rfc3339(wait.until) };
  return { ...status, conditions: conditionsFor({ status, dryRun, wait }, now) };
}

/** A run that could not continue keeps its pins for the next decision of a person. */
function progressed({ begun, progress }: Pick<Reported, 'begun' | 'progress'>): ImagePromotionRunStatus {
  return progress ? { ...begun, pins: undefined, ...progress.fields() } : begun;
}

interface Ending extends Reported {
  readonly considered: readonly KnownApproval[];
  /** Why the run as a whole failed. */
  readonly failure?: Reason;
  /** Whether a retry may succeed without any change. */
  readonly retryable?: boolean;
}

/** The status of a run that has ended. Images that wait for a person stay pinned. */
export function endStatus(ending: Ending): ImagePromotionRunStatus {
  const { considered, now, dryRun, failure, retryable = false } = ending;
  const status = progressed(ending);
  const { counts, images = [] } = status;
  const reached = counts ? phaseOf(counts) : 'Succeeded';
  const phase = failure ? 'Failed' : reached;
  const ended = {
    ...status,
    phase,
    waitsUntil: undefined,
    completionTime: now.toISOString(),
    considered: consider(status.considered, considered),
    retryable:
      phase === 'Failed' ? retryable || images.some(({ transient = false }) => transient) : undefined,
  };
  return { ...ended, conditions: conditionsFor({ status: ended, dryRun, failure }, now) };
}

function consider(
  before: readonly string[] | undefined,
  approvals: readonly KnownApproval[],
): string[] | undefined {
  const all = new Set([...(before ?? []), ...approvals.map(({ uid }) => uid)]);
  return all.size === 0 ? undefined : [...all].slice(-MAX_CONSIDERED);
}

/** A run is never changed, so that its generation stays the first. */
const GENERATION = 1;

/** Longest message of a condition in characters: enough for a few names, little for etcd. */
export const MAX_MESSAGE = 1_024;

/** The facts for the conditions of a run. */
interface RunFacts {
  readonly status: Pick<ImagePromotionRunStatus, 'phase' | 'plan' | 'counts' | 'images' | 'conditions'>;
  readonly dryRun: boolean;
  readonly wait?: RegistryWait | undefined;
  /** Why the run as a whole failed, before or besides its images. */
  readonly failure?: Reason;
}

/** The conditions of a run, while it is under way or at its end. */
function conditionsFor(facts: RunFacts, now: Date): ImagePromotionRunStatus['conditions'] {
  const { status } = facts;
  const about = { before: status.conditions, generation: GENERATION, now, maxMessage: MAX_MESSAGE };
  const atEnd = isOver(status) ? [gatesCondition(status), approvedCondition(status), ...moved(facts)] : [];
  const [complete, failed, reason, message] = endOf(facts);
  return [
    resolvedCondition(facts),
    ...atEnd,
    facts.wait && condition('RateLimited', true, 'RegistryRateLimited', waitOf(facts.wait)),
    condition('Complete', complete, reason, message),
    condition('Failed', failed, reason, message),
  ].flatMap((content) => (content ? [conditionOf(content, about)] : []));
}

function waitOf({ side, until }: RegistryWait): string {
  return `The ${side} asks to slow down: nothing new is begun until ${rfc3339(until)}.`;
}

function resolvedCondition({ status: { plan }, failure }: RunFacts): ConditionContent | undefined {
  if (plan?.nothing !== undefined) return condition('Resolved', true, 'NothingSelected', plan.nothing);
  if (!plan) return failure && condition('Resolved', false, failure.code, failure.detail);
  const message = `${many(plan.candidates)}, ${String(plan.work)} with something to do.`;
  return condition('Resolved', true, 'Planned', message);
}

function gatesCondition({ plan, counts, images = [] }: RunFacts['status']): ConditionContent | undefined {
  if (!plan || !counts) return undefined;
  const stopped = counts.blocked + counts.awaitingApproval;
  if (stopped === 0) return condition('GatesPassed', true, 'Passed', 'No gate stopped an image.');
  const first = images.find(({ decision }) => decision === 'Blocked' || decision === 'AwaitingApproval');
  const message = `${many(stopped)} stopped by a gate${named(first)}.`;
  return condition('GatesPassed', false, first?.reason ?? 'Blocked', message);
}

function approvedCondition({ counts, images = [] }: RunFacts['status']): ConditionContent | undefined {
  const denied = images.find(({ reason }) => reason === 'ApprovalDenied');
  if (denied) return condition('Approved', false, 'ApprovalDenied', `A person said no${named(denied)}.`);
  const waiting = counts?.awaitingApproval ?? 0;
  if (waiting > 0) {
    const first = images.find(({ decision }) => decision === 'AwaitingApproval');
    const message = `${many(waiting)} waiting for a person${named(first)}.`;
    return condition('Approved', false, 'ApprovalNeeded', message);
  }
  const approvers = images.flatMap(({ approvedBy }) => approvedBy ?? []);
  const [approver] = approvers;
  if (approver === undefined) return undefined;
  return condition('Approved', true, 'Approved', `${many(approvers.length)} approved by ${approver}.`);
}

function moved({ status: { plan, counts, images = [] }, dryRun }: RunFacts): readonly ConditionContent[] {
  if (!plan || !counts) return [];
  const all = (status: boolean, reason: string, message: string) =>
    ['Copied', 'Recorded'].map((type) => condition(type, status, reason, message));
  if (dryRun) return all(false, 'DryRun', 'Nothing is written to a registry.');
  const first = images.find(({ decision }) => decision === 'Failed');
  if (counts.failed > 0)
    return all(false, first?.reason ?? 'Failed', `${many(counts.failed)} failed${named(first)}.`);
  return all(true, 'Arrived', 'Everything that passed its gates is at the target, with its records.');
}

type End = readonly [complete: boolean, failed: boolean, reason: string, message: string];

function endOf(facts: RunFacts): End {
  const { status } = facts;
  const { phase, counts } = status;
  if (!isOver(status)) return [false, false, 'Running', 'It is under way.'];
  if (phase === 'Failed') return [false, true, ...failureOf(facts)];
  if (counts !== undefined && counts.awaitingApproval > 0)
    return [false, false, 'ApprovalNeeded', 'It continues when a person has decided.'];
  if (phase === 'Blocked')
    return [true, false, 'Blocked', `${many(counts?.blocked ?? 0)} blocked; the others arrived.`];
  if (status.plan?.nothing !== undefined) return [true, false, 'NothingSelected', status.plan.nothing];
  return [true, false, 'Succeeded', 'It is done.'];
}

function failureOf({ status, failure }: RunFacts): readonly [string, string] {
  if (failure) return [failure.code, failure.detail];
  const first = status.images?.find(({ decision }) => decision === 'Failed');
  return [first?.reason ?? 'Failed', `${many(status.counts?.failed ?? 0)} failed${named(first)}.`];
}

function condition(type: string, status: boolean, reason: string, message: string): ConditionContent {
  return { type, status: status ? 'True' : 'False', reason, message };
}

function many(count: number): string {
  return `${String(count)} ${count === 1 ? 'image' : 'images'}`;
}

/** The image that is named for all others, with its reason. */
function named(row: RunImage | undefined): string {
  if (!row) return '';
  const because = row.message === undefined ? '' : ` ${row.message}`;
  return `, first ${rowName(row)}: ${row.reason ?? ''}${because}`.replace(/\.$/, '');
}
