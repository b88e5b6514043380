import { nextRun, type ImagePromotionSpec, type ImagePromotionStatus } from '../../core/promotion/index.ts';
import { goesOn, type KnownApproval, type RecordedRun } from './run-state.ts';
import type { Trigger } from './run-object.ts';

/** What a promotion needs now. */
export type Due =
  /** This run is under way, or continues. */
  | { readonly what: 'execute'; readonly run: RecordedRun }
  | { readonly what: 'begin'; readonly trigger: Trigger }
  /** No run until then; without a moment, until something changes. */
  | { readonly what: 'wait'; readonly until?: Date };

/** What is known of a promotion. */
export interface DueFacts {
  readonly generation: number;
  readonly createdAt: Date;
  /** What a person asks for, by the annotation. */
  readonly requestedAt?: string;
  readonly spec: Pick<ImagePromotionSpec, 'schedule' | 'timeZone' | 'suspend'>;
  readonly status: Pick<ImagePromotionStatus, 'lastRun' | 'lastRunTime' | 'lastHandledReconcileAt'>;
  /** The newest first. */
  readonly runs: readonly RecordedRun[];
  readonly approvals: readonly KnownApproval[];
  /** When its source was pushed to last, as the replica reports that received the event. */
  readonly pushedAt?: Date;
  /** From when on a run is due because the gate was asked for an image that is missing. */
  readonly askedAt?: Date;
  /** Whether all objects that the promotion names can be used now; only checked after a run that missed one. */
  readonly usable?: boolean;
  readonly now: Date;
}

/** Milliseconds before the first retry after a transient failure: as long as a registry takes to restart. */
const FIRST_RETRY_MS = 60_000;
/** The longest such pause: doubled each time, it reaches this after an outage of two hours. */
const MAX_RETRY_MS = 3_600_000;
/** After so many doublings the first pause exceeds the longest one. */
const MOST_DOUBLINGS = 6;

/** Decides what a promotion needs: never a second run while one is under way. */
export function dueOf(facts: DueFacts): Due {
  const { runs, approvals, spec, now } = facts;
  const active = runs.findLast(({ over }) => !over);
  // As with a CronJob, a run that is under way at the suspension ends normally; none is begun, and none continues after a wait.
  if (active) return { what: 'execute', run: active };
  if (spec.suspend) return { what: 'wait' };
  const decided = runs.find((run) => run.over && goesOn(run.object, approvals, now));
  if (decided) return { what: 'execute', run: decided };
  const asked = changed(facts) ?? requested(facts);
  if (asked) return { what: 'begin', trigger: asked };
  const { pushedAt, askedAt } = facts;
  return inTime([event(facts, pushedAt), event(facts, askedAt), retry(facts), scheduled(facts)], now);
}

/** When a run is retried after `attempt` others failed in a row. */
export function retryAfterMs(attempt: number): number {
  return Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(attempt, MOST_DOUBLINGS));
}

/** The request of a person that no run has answered. */
export function openRequest({ requestedAt, status, runs }: DueFacts): string | undefined {
  if (requestedAt === undefined || status.lastHandledReconcileAt === requestedAt) return undefined;
  return runs.some((run) => run.requestedAt === requestedAt) ? undefined : requestedAt;
}

interface Timed {
  readonly at: Date;
  readonly trigger: Trigger;
}

function inTime(timed: readonly (Timed | undefined)[], now: Date): Due {
  const [first] = timed
    .filter((one) => one !== undefined)
    .toSorted((a, b) => a.at.getTime() - b.at.getTime());
  if (!first) return { what: 'wait' };
  return first.at <= now ? { what: 'begin', trigger: first.trigger } : { what: 'wait', until: first.at };
}

function changed({ generation, status: { lastRun }, runs }: DueFacts): Trigger | undefined {
  const done = Math.max(lastRun?.generation ?? 0, ...runs.map((run) => run.generation));
  return done < generation ? { why: 'Change', token: String(generation), attempt: 0 } : undefined;
}

function requested(facts: DueFacts): Trigger | undefined {
  const token = openRequest(facts);
  return token === undefined ? undefined : { why: 'Manual', token, attempt: 0 };
}

function retry({ runs: [last], usable = false }: DueFacts): Timed | undefined {
  if (!last?.failure || !last.endedAt) return undefined;
  if (!last.failure.retryable && !usable) return undefined;
  const at = new Date(last.endedAt.getTime() + retryAfterMs(last.attempt));
  return { at, trigger: { why: 'Retry', token: last.name, attempt: last.attempt + 1 } };
}

/** Only events after the begin of the last run: each replica uses its own clock, so that a moment may also be in the future. */
function event(facts: DueFacts, at: Date | undefined): Timed | undefined {
  if (!at || at.getTime() <= lastBegin(facts)) return undefined;
  return { at, trigger: { why: 'Event', token: at.toISOString(), attempt: 0 } };
}

/** When a run last began; when the promotion was made, if none did. */
function lastBegin({ status: { lastRunTime }, runs, createdAt }: DueFacts): number {
  const earlier = lastRunTime === undefined ? [] : [Date.parse(lastRunTime)];
  return Math.max(createdAt.getTime(), ...earlier, ...runs.map((run) => run.createdAt.getTime()));
}

/** A missed run is made up for once: the next one is counted from that run. */
function scheduled(facts: DueFacts): Timed | undefined {
  const { schedule, timeZone } = facts.spec;
  if (schedule === undefined) return undefined;
  const at = nextRun(schedule, timeZone, new Date(lastBegin(facts)));
  return at && { at, trigger: { why: 'Schedule', token: at.toISOString(), attempt: 0 } };
}
