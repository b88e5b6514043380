import { conditionOf, rfc3339, type Reason } from '../../../core/model/index.ts';
import {
  nextRun,
  type ImagePromotionSpec,
  type ImagePromotionStatus,
  type RunImage,
} from '../../../core/promotion/index.ts';
import { changesOf } from '../changes.ts';
import type { RecordedRun } from '../run/recorded-run.ts';
import type { PromotionEvent, PromotionObject } from '../ports.ts';
import { promotionConditions } from './promotion-conditions.ts';
import { MAX_MESSAGE } from './run-conditions.ts';
import { watchExceptions } from '../reassess.ts';

/** The status of a promotion with the result of an ended run, and the events that report it. */
export interface Absorbed {
  readonly status: ImagePromotionStatus;
  readonly events: readonly PromotionEvent[];
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
    .filter(({ object }) => isNews(status.lastRun, object.metadata.name, object.status?.completionTime))
    .toSorted((a, b) => Number(a.endedAt) - Number(b.endedAt) || (a.name < b.name ? -1 : 1));
  return ended.reduce<Absorbed>((absorbed, run) => absorb(promotion, absorbed, run), {
    status,
    events: [],
    counted: [],
  });
}

function isNews(
  last: ImagePromotionStatus['lastRun'],
  name: string,
  completionTime: string | undefined,
): boolean {
  if (completionTime === undefined) return false;
  if (!last) return true;
  const [then, before] = [Date.parse(completionTime), Date.parse(last.completionTime)];
  return then > before || (then === before && name > last.name);
}

function absorb(
  promotion: PromotionObject,
  { status, events, counted }: Absorbed,
  run: RecordedRun,
): Absorbed {
  const { status: ran = {}, metadata } = run.object;
  const { completionTime = '', counts, conditions = [], images = [] } = ran;
  const changes = changesOf(promotion, status, run.object);
  const complete = conditions.some(({ type, status: is }) => type === 'Complete' && is === 'True');
  return {
    status: {
      ...status,
      lastRun: { name: metadata.name, generation: run.generation, completionTime },
      ...(counts && { counts }),
      ...(complete && { lastSuccessfulTime: completionTime }),
      told: [...changes.reported],
      recent: [...changes.recent],
      ...watchExceptions(status, images),
    },
    events: [...events, ...changes.events],
    counted: [...counted, { run, ...(status.lastRun?.name === run.name && { fresh: changes.fresh }) }],
  };
}

/** The other facts for the status of a promotion. */
export interface StatusFacts {
  readonly generation: number;
  readonly spec?: Pick<ImagePromotionSpec, 'schedule' | 'timeZone' | 'suspend'>;
  /** The newest first. */
  readonly runs: readonly RecordedRun[];
  /** Why it cannot be executed at present: a person has to act. */
  readonly obstacle?: Reason;
  /** What a person asks for, by the annotation. */
  readonly requestedAt?: string;
  /** A run was begun just now, perhaps as the answer to the request of a person. */
  readonly begun?: { readonly requestedAt?: string | undefined };
  readonly now: Date;
}

/** The whole status of a promotion: its remembered fields, and the current facts. */
export function promotionStatus(before: ImagePromotionStatus, facts: StatusFacts): ImagePromotionStatus {
  const { generation, runs, now } = facts;
  const active = runs.findLast(({ over }) => !over);
  const status: ImagePromotionStatus = {
    ...before,
    observedGeneration: generation,
    ...lastRunTime(before, facts),
    nextRunTime: nextRunTime(facts),
    lastHandledReconcileAt: handledBy(before, facts),
    activeRun: active?.name,
  };
  const about = { before: before.conditions, generation, now, maxMessage: MAX_MESSAGE };
  const contents = promotionConditions(status, { ...facts, ...(active && { active }) });
  return { ...status, conditions: contents.map((content) => conditionOf(content, about)) };
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
): Pick<ImagePromotionStatus, 'lastRunTime'> {
  const times = [
    ...(before.lastRunTime === undefined ? [] : [Date.parse(before.lastRunTime)]),
    ...(newest ? [newest.createdAt.getTime()] : []),
    ...(begun ? [now.getTime()] : []),
  ];
  return times.length === 0 ? {} : { lastRunTime: rfc3339(new Date(Math.max(...times))) };
}
