import type { RecordedEvent } from '../../../clients/kubernetes/index.ts';
import { conditionOf, rfc3339, type Reason, type Condition } from '../../../core/model/index.ts';
import {
  nextRun,
  rowName,
  type ImageDecision,
  type ImagePromotionRunStatus,
  type ImagePromotionSpec,
  type ImagePromotionStatus,
  type RunImage,
} from '../../../core/promotion/index.ts';
import { changesOf } from '../changes.ts';
import type { PromotionMeter, PromotionObject } from '../ports.ts';
import { watchExceptions } from '../reassess.ts';
import type { RecordedRun } from '../run-state.ts';
import { MAX_MESSAGE } from './run-status.ts';

/** The status of a promotion with the result of an ended run, and the events that report it. */
interface Absorbed {
  readonly status: ImagePromotionStatus;
  readonly events: readonly RecordedEvent[];
  /** The parts of runs to count in metrics. */
  readonly counted: readonly CountedRun[];
}

/** The part of an ended run to count: all of it, or, for a run that continued, only the new part. */
export interface CountedRun {
  readonly run: RecordedRun;
  readonly fresh?: readonly RunImage[];
}

/** Applies every run that has ended since the status was written, in the order of their ends; each once. */
export function absorbRuns(
  promotion: PromotionObject,
  status: ImagePromotionStatus,
  runs: readonly RecordedRun[],
): Absorbed {
  const ended = runs
    .filter((run) => isNews(status.lastRun, run))
    .toSorted((a, b) => Number(a.endedAt) - Number(b.endedAt) || (a.name < b.name ? -1 : 1));
  return ended.reduce<Absorbed>((absorbed, run) => absorb(promotion, absorbed, run), {
    status,
    events: [],
    counted: [],
  });
}

function isNews(last: ImagePromotionStatus['lastRun'], { name, endedAt }: RecordedRun): boolean {
  if (!last || !endedAt) return endedAt !== undefined;
  const later = endedAt.getTime() - Date.parse(last.completionTime);
  return later > 0 || (later === 0 && name > last.name);
}

function absorb(
  promotion: PromotionObject,
  { status, events, counted }: Absorbed,
  run: RecordedRun,
): Absorbed {
  const { status: ran = {} } = run.object;
  const { completionTime = '', counts = status.counts, conditions = [], images = [] } = ran;
  const { plan = { repositories: status.repositories } } = ran;
  const { reported, recent, fresh, ...changes } = changesOf(promotion, status, run.object);
  const complete = conditions.some(({ type, status: is }) => type === 'Complete' && is === 'True');
  return {
    status: {
      ...status,
      lastRun: { name: run.name, generation: run.generation, completionTime },
      counts,
      repositories: plan.repositories,
      lastSuccessfulTime: complete ? completionTime : status.lastSuccessfulTime,
      told: [...reported],
      recent: [...recent],
      ...watchExceptions(status, images),
    },
    events: [...events, ...changes.events],
    counted: [...counted, { run, fresh: status.lastRun?.name === run.name ? fresh : undefined }],
  };
}

/** The other facts for the status of a promotion. */
interface StatusFacts {
  readonly generation: number;
  readonly spec?: Pick<ImagePromotionSpec, 'schedule' | 'timeZone' | 'suspend'>;
  /** The newest first. */
  readonly runs: readonly RecordedRun[];
  /** Why it cannot be executed at present: a person has to act. */
  readonly obstacle?: Reason;
  /** What a person asks for, by the annotation. */
  readonly requestedAt?: string;
  /** A run was begun just now, perhaps as the answer to the request of a person. */
  readonly begun?: { readonly requestedAt?: string };
  /** Why approvals do not count for what waits. */
  readonly unfit?: readonly string[];
  readonly now: Date;
}

/** The whole status of a promotion: its remembered fields, and the current facts. */
export function promotionStatus(before: ImagePromotionStatus, facts: StatusFacts): ImagePromotionStatus {
  const { generation, runs, now } = facts;
  const active = runs.findLast(({ over }) => !over);
  const status: ImagePromotionStatus = {
    ...before,
    observedGeneration: generation,
    lastRunTime: lastRunTime(before, facts),
    nextRunTime: nextRunTime(facts),
    lastHandledReconcileAt: handledBy(before, facts),
    activeRun: active?.name,
  };
  const about = { before: before.conditions, generation, now, maxMessage: MAX_MESSAGE };
  // As kstatus reads them. An image that a gate stops is a result: the promotion works as specified.
  const answers: Readonly<Record<string, Answer>> = {
    Ready: readyOf(status, { ...facts, active }),
    Reconciling: reconcilingOf({ ...facts, active }),
    Stalled: stalledOf({ ...facts, active }),
    Flagged: flaggedOf(status),
  };
  const conditions = Object.entries(answers).map(([type, [is, reason, message]]) =>
    conditionOf({ type, status: is, reason, message }, about),
  );
  return { ...status, conditions };
}

/** The last answered request of a person: by the run begun now, or by one that was not reported because of a crash. */
function handledBy(
  { lastHandledReconcileAt }: ImagePromotionStatus,
  { runs, begun, requestedAt }: StatusFacts,
): string | undefined {
  if (begun?.requestedAt !== undefined) return begun.requestedAt;
  const answered = requestedAt !== undefined && runs.some((run) => run.requestedAt === requestedAt);
  return answered ? requestedAt : lastHandledReconcileAt;
}

function nextRunTime({ spec, now }: StatusFacts): string | undefined {
  if (spec?.schedule === undefined || spec.suspend) return undefined;
  const next = nextRun(spec.schedule, spec.timeZone, now);
  return next && rfc3339(next);
}

/** Also by the clock of the replica that begins it: schedules are compared with that clock. */
function lastRunTime(
  before: ImagePromotionStatus,
  { runs: [newest], begun, now }: StatusFacts,
): string | undefined {
  const earlier = before.lastRunTime === undefined ? undefined : new Date(before.lastRunTime);
  const times = [earlier, newest?.createdAt, begun && now].flatMap((time) => time?.getTime() ?? []);
  return times.length === 0 ? undefined : rfc3339(new Date(Math.max(...times)));
}

/** The facts for the conditions of a promotion, besides its status. */
interface ConditionFacts extends StatusFacts {
  /** The run that is under way. */
  readonly active: RecordedRun | undefined;
}

type Answer = readonly [status: Condition['status'], reason: string, message: string];

function readyOf(
  status: ImagePromotionStatus,
  { obstacle, active, runs, generation, spec, unfit = [] }: ConditionFacts,
): Answer {
  if (obstacle) return ['False', obstacle.code, obstacle.detail];
  const last = runs.find(({ over }) => over);
  if (last?.generation !== generation) {
    if (spec?.suspend && !active)
      return ['Unknown', 'Suspended', 'It is suspended and has not run as it is written now.'];
    return ['Unknown', 'Progressing', 'It has not run yet as it is written now.'];
  }
  if (last.failure) return ['False', last.failure.code, last.failure.message];
  if (last.nothing !== undefined) return ['True', 'NothingSelected', last.nothing];
  return wellOf(status.counts, unfit);
}

function wellOf(counts: ImagePromotionStatus['counts'], unfit: readonly string[]): Answer {
  const { candidates = 0, promoted = 0, upToDate = 0, blocked = 0, awaitingApproval = 0 } = counts ?? {};
  const there = `${String(promoted + upToDate)} of ${String(candidates)} images are at the target`;
  const but = `${there}, ${String(blocked)} blocked`;
  if (awaitingApproval > 0)
    return [
      ...(['True', 'ApprovalNeeded'] as const),
      [`${but}, ${String(awaitingApproval)} waiting for a person.`, ...unfit].join(' '),
    ];
  if (blocked > 0) return ['True', 'Blocked', `${but}.`];
  return ['True', 'Succeeded', `${there}.`];
}

function reconcilingOf({ obstacle, active, runs: [last], spec }: ConditionFacts): Answer {
  if (active) return underWay(active);
  if (obstacle) return ['False', obstacle.code, 'A person has to act.'];
  if (spec?.suspend) return ['False', 'Suspended', 'It is suspended.'];
  if (last?.failure?.retryable)
    return ['True', 'Retrying', `Run ${last.name} failed by something that may pass; another one follows.`];
  if (!last) return ['True', 'Progressing', 'Its first run is about to begin.'];
  return ['False', 'Idle', 'No run is under way.'];
}

function underWay({ name, object: { status } }: RecordedRun): Answer {
  const until = status?.waitsUntil;
  if (until === undefined) return ['True', 'Running', `Run ${name} is under way.`];
  return ['True', 'RegistryRateLimited', `Run ${name} waits for a registry until ${until}.`];
}

function stalledOf({ obstacle, active, runs: [last] }: ConditionFacts): Answer {
  if (obstacle) return ['True', obstacle.code, obstacle.detail];
  const failure = last?.failure;
  if (!active && failure && !failure.retryable) return ['True', failure.code, failure.message];
  return ['False', 'Progressing', 'Nothing keeps it from running.'];
}

/** Most images named in a condition; the status has more of them. */
const MAX_NAMED = 10;

function flaggedOf(status: ImagePromotionStatus): Answer {
  const { flagged = [] } = status;
  const [first] = flagged;
  const unreadable = unreadableIn(status);
  if (!first && unreadable)
    return ['Unknown', unreadable.reason, `Of what is at the target, ${unreadable.text}`];
  if (!first) return ['False', 'NoneFlagged', 'Nothing is known that would block what is at the target.'];
  const names = flagged.slice(0, MAX_NAMED).map((one) => `${rowName(one)} (${one.reason})`);
  const left = flaggedIn(status) - names.length;
  const more = left > 0 ? `, and ${String(left)} more` : '';
  const blocked = `What is at the target would be blocked today: ${names.join(', ')}${more}.`;
  return ['True', first.reason, unreadable ? `${blocked} Besides, ${unreadable.text}` : blocked];
}

/** The images that could not be judged again, and why. */
function unreadableIn({ lastJudgement }: ImagePromotionStatus) {
  if (lastJudgement?.reason === undefined) return undefined;
  const { unknown, judged, reason, message = '' } = lastJudgement;
  const text = `${String(unknown)} of ${String(unknown + judged)} could not be judged again: ${message}`;
  return { reason, text };
}

/** How many images at the target of a promotion would be blocked today, also those that its status does not list. */
export function flaggedIn({ flagged = [], flaggedCut = 0 }: ImagePromotionStatus): number {
  return flagged.length + flaggedCut;
}

/** Counts the images and bytes of a run that has ended. */
export function meterRun(meter: PromotionMeter, { run, fresh }: CountedRun): void {
  const { status = {} } = run.object;
  const { images = [] } = status;
  for (const { decision, reason = '' } of fresh ?? images) meter.images(decision, reason, 1);
  for (const row of fresh ?? [status]) meterBytes(meter, row);
  if (!fresh) for (const [decision, count] of cutOf(status)) meter.images(decision, '', count);
}

function meterBytes(meter: PromotionMeter, { bytes = 0, spared }: Pick<RunImage, 'bytes' | 'spared'>): void {
  meter.bytes('copied', bytes);
  meter.bytes('mounted', spared?.mounted ?? 0);
  meter.bytes('skipped', spared?.skipped ?? 0);
}

/** The images that have no row: rows of successful images are cut first, so that only a few reasons are lost. */
function cutOf({ images = [], counts }: ImagePromotionRunStatus): readonly (readonly [string, number])[] {
  if (!counts) return [];
  const countOf = (...decisions: readonly ImageDecision[]): number =>
    images.filter(({ decision }) => decisions.includes(decision)).length;
  const left: readonly (readonly [string, number])[] = [
    [countOf('Mirrored') > 0 ? 'Mirrored' : 'Promoted', counts.promoted - countOf('Mirrored', 'Promoted')],
    ['UpToDate', counts.upToDate - countOf('UpToDate')],
    ['Skipped', counts.skipped - countOf('Skipped')],
    ['Blocked', counts.blocked - countOf('Blocked')],
    ['Failed', counts.failed - countOf('Failed')],
  ];
  return left.filter(([, count]) => count > 0);
}
