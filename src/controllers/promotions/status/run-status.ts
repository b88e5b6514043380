import { conditionOf, rfc3339, type Reason } from '../../../core/model/index.ts';
import { MAX_CONSIDERED, phaseOf, type ImagePromotionRunStatus } from '../../../core/promotion/index.ts';
import type { KnownApproval } from '../approvals.ts';
import type { RunProgress } from './run-progress.ts';
import type { Planned } from '../run/plan-run.ts';
import type { RunObject } from '../ports.ts';
import { MAX_MESSAGE, runConditions } from './run-conditions.ts';
import { decideBy, goesOn, isOver } from '../run-state.ts';

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
  { plan, runProgress: runProgress, now, dryRun }: Ongoing,
): ImagePromotionRunStatus {
  const status = { ...without(begun, 'pins'), plan, ...runProgress.fields() };
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
  const {
    begun,
    plan,
    runProgress: runProgress,
    considered,
    now,
    dryRun,
    failure,
    retryable = false,
  } = ending;
  // A run that could not continue keeps its pins for the next decision of a person.
  const status: ImagePromotionRunStatus = runProgress
    ? { ...without(begun, 'pins'), ...(plan && { plan }), ...runProgress.fields() }
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
