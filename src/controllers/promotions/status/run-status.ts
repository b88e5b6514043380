import { conditionOf, rfc3339, type Reason, type ConditionContent } from '../../../core/model/index.ts';
import {
  MAX_CONSIDERED,
  phaseOf,
  type ImagePromotionRunStatus,
  type RunImage,
} from '../../../core/promotion/index.ts';
import type { RunObject } from '../ports.ts';
import { type KnownApproval, decideBy, goesOn, isOver } from '../run-state.ts';
import type { Planned, RunProgress } from './run-progress.ts';

/**
 * The status with which a run begins, or continues: after a crash, or because a person has decided since it ended. `undefined` =
 * it is over.
 */
export function beginStatus(
  { metadata: { name }, status = {} }: RunObject,
  approvals: readonly KnownApproval[],
  now: Date,
): ImagePromotionRunStatus | undefined {
  if (!isOver(status)) return { ...status, phase: 'Running', startTime: status.startTime ?? rfc3339(now) };
  const decide = decideBy(name, approvals, { considered: status.considered, now });
  return goesOn(status, decide)
    ? { ...without(status, 'completionTime', 'retryable'), phase: 'Running', resumeTime: rfc3339(now) }
    : undefined;
}

interface Ongoing extends Pick<Planned, 'plan'> {
  readonly runProgress: RunProgress;
  readonly now: Date;
  readonly dryRun: boolean;
}

/** The status of a run that is under way. */
export function openStatus(
  begun: ImagePromotionRunStatus,
  { plan, runProgress, now, dryRun }: Ongoing,
): ImagePromotionRunStatus {
  const status = { ...without(begun, 'pins', 'pending'), plan, ...runProgress.fields() };
  return { ...status, conditions: conditionsFor(status, { dryRun }, now) };
}

interface Ending extends Partial<Ongoing> {
  readonly begun: ImagePromotionRunStatus;
  readonly considered: readonly KnownApproval[];
  readonly now: Date;
  readonly dryRun: boolean;
  /** Why the run as a whole failed. */
  readonly failure?: Reason;
  /** Whether a retry may succeed without any change. */
  readonly retryable?: boolean;
}

/** The status of a run that has ended. Images that wait for a person stay pinned. */
export function endStatus(ending: Ending): ImagePromotionRunStatus {
  const { begun, plan, runProgress, considered, now, dryRun, failure, retryable = false } = ending;
  // A run that could not continue keeps its pins for the next decision of a person.
  const status: ImagePromotionRunStatus = runProgress
    ? { ...without(begun, 'pins', 'pending'), ...(plan && { plan }), ...runProgress.fields() }
    : begun;
  const phase = failure ? 'Failed' : phaseFor(status);
  const ended = {
    ...status,
    phase,
    completionTime: now.toISOString(),
    ...(considered.length > 0 && { considered: consider(begun.considered, considered) }),
    ...(phase === 'Failed' && {
      retryable: retryable || mayPass(status),
    }),
  };
  return { ...ended, conditions: conditionsFor(ended, { dryRun, ...(failure && { failure }) }, now) };
}

/** A status without some of its fields. */
function without<K extends keyof ImagePromotionRunStatus>(
  status: ImagePromotionRunStatus,
  ...fields: readonly K[]
): Omit<ImagePromotionRunStatus, K> {
  const left: readonly string[] = fields;
  return Object.fromEntries(Object.entries(status).filter(([field]) => !left.includes(field))) as Omit<
    ImagePromotionRunStatus,
    K
  >;
}

function mayPass({ images = [] }: Pick<ImagePromotionRunStatus, 'images'>): boolean {
  return images.some(({ transient = false }) => transient);
}

function phaseFor({
  counts,
}: Pick<ImagePromotionRunStatus, 'counts'>): NonNullable<ImagePromotionRunStatus['phase']> {
  return counts ? phaseOf(counts) : 'Succeeded';
}

/** A run is never changed, so that its generation stays the first. */
const GENERATION = 1;

function conditionsFor(
  status: ImagePromotionRunStatus,
  facts: { readonly dryRun: boolean; readonly failure?: Reason },
  now: Date,
): ImagePromotionRunStatus['conditions'] {
  const about = { before: status.conditions, generation: GENERATION, now, maxMessage: MAX_MESSAGE };
  return runConditions({ status, ...facts }).map((content) => conditionOf(content, about));
}

function consider(before: readonly string[] = [], approvals: readonly KnownApproval[]): string[] {
  return [...new Set([...before, ...approvals.map(({ uid }) => uid)])].slice(-MAX_CONSIDERED);
}

/** Longest message of a condition in characters: enough for a few names, little for etcd. */
export const MAX_MESSAGE = 1_024;

/** The facts for the conditions of a run. */
interface RunFacts {
  readonly status: Pick<ImagePromotionRunStatus, 'phase' | 'plan' | 'counts' | 'images'>;
  readonly dryRun: boolean;
  /** Why the run as a whole failed, before or besides its images. */
  readonly failure?: Reason;
}

/** The conditions of a run, while it is under way or at its end. */
function runConditions(facts: RunFacts): readonly ConditionContent[] {
  return [
    ...resolvedCondition(facts),
    ...(isOver(facts.status)
      ? [...gatesCondition(facts), ...approvedCondition(facts), ...movedCondition(facts)]
      : []),
    ...endConditions(facts),
  ];
}

function resolvedCondition({ status: { plan }, failure }: RunFacts): readonly ConditionContent[] {
  if (plan?.nothing !== undefined) return [condition('Resolved', true, 'NothingSelected', plan.nothing)];
  if (plan)
    return [
      condition(
        'Resolved',
        true,
        'Planned',
        `${many(plan.candidates)}, ${String(plan.work)} with something to do.`,
      ),
    ];
  return failure ? [condition('Resolved', false, failure.code, failure.detail)] : [];
}

function gatesCondition({ status: { plan, counts, images = [] } }: RunFacts): readonly ConditionContent[] {
  if (!plan || !counts) return [];
  const stopped = counts.blocked + counts.awaitingApproval;
  if (stopped === 0) return [condition('GatesPassed', true, 'Passed', 'No gate stopped an image.')];
  const first = images.find(({ decision }) => decision === 'Blocked' || decision === 'AwaitingApproval');
  return [
    condition(
      'GatesPassed',
      false,
      first?.reason ?? 'Blocked',
      `${many(stopped)} stopped by a gate${named(first)}.`,
    ),
  ];
}

function approvedCondition({ status: { counts, images = [] } }: RunFacts): readonly ConditionContent[] {
  const denied = images.find(({ reason }) => reason === 'ApprovalDenied');
  if (denied) return [condition('Approved', false, 'ApprovalDenied', `A person said no${named(denied)}.`)];
  const waiting = counts?.awaitingApproval ?? 0;
  const first = images.find(({ decision }) => decision === 'AwaitingApproval');
  if (waiting > 0)
    return [
      condition('Approved', false, 'ApprovalNeeded', `${many(waiting)} waiting for a person${named(first)}.`),
    ];
  const approved = images.filter(({ approvedBy }) => approvedBy !== undefined);
  if (approved.length === 0) return [];
  return [
    condition(
      'Approved',
      true,
      'Approved',
      `${many(approved.length)} approved by ${approved[0]?.approvedBy ?? ''}.`,
    ),
  ];
}

function movedCondition({
  status: { plan, counts, images = [] },
  dryRun,
}: RunFacts): readonly ConditionContent[] {
  if (!plan || !counts) return [];
  const all = (status: boolean, reason: string, message: string) => [
    condition('Copied', status, reason, message),
    condition('Recorded', status, reason, message),
  ];
  if (dryRun) return all(false, 'DryRun', 'Nothing is written to a registry.');
  const first = images.find(({ decision }) => decision === 'Failed');
  if (counts.failed > 0)
    return all(false, first?.reason ?? 'Failed', `${many(counts.failed)} failed${named(first)}.`);
  return all(true, 'Arrived', 'Everything that passed its gates is at the target, with its records.');
}

function endConditions(facts: RunFacts): readonly ConditionContent[] {
  const [complete, failed, reason, message] = endOf(facts);
  return [condition('Complete', complete, reason, message), condition('Failed', failed, reason, message)];
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
  return `, first ${row.tag}: ${row.reason ?? ''}${because}`.replace(/\.$/, '');
}
