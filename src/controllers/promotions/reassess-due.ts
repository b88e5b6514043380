import { Fault } from '../../core/model/index.ts';
import { parsePromotion } from '../../core/promotion/index.ts';
import { keyOf, type ControllerPorts, type ObjectName, type WatchedTarget } from './ports.ts';
import { hasExpired, knownAtTarget, nextExpiry, rejudgeImages, unreadableOf } from './reassess.ts';
import {
  MAX_WAIT_MS,
  statusOf,
  type Look,
  type LookedAtTarget,
  type Outcome,
  type Reading,
  type Reconciling,
} from './refresh.ts';
import { knownRuns } from './run-state.ts';

/** Milliseconds until a target that could not be judged completely is checked again. */
const RETRY_MS = 600_000;

/**
 * Applies the result of the last check of the target. Requests the next check when it is due: when an exception has expired, and
 * every few hours. A check reads registries, and nothing waits for it. Where no check is possible, dates alone decide.
 */
export function judgeAgain(reading: Reading): Required<Outcome> {
  const { key, status, now, reconciling } = reading;
  const { ports, looks } = reconciling;
  if (!ports.rejudge) return hasExpired(status, now) ? takeIn(reading) : wait(reading);
  const look = looks.get(key) ?? { dueMs: firstLook(reading) };
  if (look.looked) return takeIn(reading, look.looked);
  const isDue = look.dueMs !== undefined && (ports.now() >= look.dueMs || hasExpired(status, now));
  looks.set(key, isDue ? {} : look);
  if (isDue) reconciling.lookAtTarget(reading.object.metadata);
  return wait(reading, isDue ? undefined : look.dueMs);
}

function wait(reading: Reading, dueMs?: number): Required<Outcome> {
  return { status: reading.status, events: [], againInMs: waitMs(reading, dueMs) };
}

/** Flags and clears by the result of the last check; without one, by dates alone. */
function takeIn(reading: Reading, looked?: LookedAtTarget): Required<Outcome> {
  const { key, status, reconciling } = reading;
  const { ports, looks, rejudgeEveryMs } = reconciling;
  const judged = rejudgeImages(reading, looked);
  const isUnreadable = judged.status.lastJudgement?.reason !== undefined;
  const dueMs = ports.now() + (isUnreadable ? Math.min(RETRY_MS, rejudgeEveryMs) : rejudgeEveryMs);
  looks.set(key, { dueMs });
  const againInMs = waitMs(reading, ports.rejudge && dueMs);
  return { status: { ...status, ...judged.status }, events: judged.events, againInMs };
}

/** The first check of a term: when the last leader would have checked, or at a random moment, so that not all come at once. */
function firstLook({ status: { lastJudgement }, now, reconciling }: Reading): number {
  const { ports, rejudgeEveryMs } = reconciling;
  if (!lastJudgement) return ports.now() + ports.random() * rejudgeEveryMs;
  const passed = now.getTime() - Date.parse(lastJudgement.time);
  return ports.now() + Math.min(rejudgeEveryMs, Math.max(0, rejudgeEveryMs - passed));
}

function waitMs({ status, now, reconciling: { ports } }: Reading, dueMs: number | undefined): number {
  const expiry = nextExpiry(status, now);
  const untilExpiry = expiry ? expiry.getTime() - now.getTime() : MAX_WAIT_MS;
  return Math.min(untilExpiry, dueMs === undefined ? MAX_WAIT_MS : Math.max(0, dueMs - ports.now()));
}

/** Checks the target soon, unless a check is under way. */
export function lookAgain({ key, reconciling: { looks, ports } }: Look): void {
  if (looks.get(key)?.dueMs !== undefined) looks.set(key, { dueMs: ports.now() });
}

/** Checks the target of a promotion and leaves the result to the next reconciliation of the promotion. */
export async function lookAtTarget(
  name: ObjectName,
  reconciling: Reconciling,
  signal: AbortSignal,
): Promise<void> {
  const { ports, looks, rejudgeEveryMs } = reconciling;
  const key = keyOf(name);
  const subject = subjectOf(name, reconciling);
  // A promotion that cannot be read is reported elsewhere.
  const looked = subject && (await see(subject, ports, signal));
  if (!looks.has(key)) return;
  looks.set(key, looked ? { looked } : { dueMs: ports.now() + rejudgeEveryMs });
  const why = looked?.judgement && unreadableOf(looked.judgement).why;
  if (why)
    ports.onError({ operation: `judge again what ImagePromotion ${key} has promoted`, detail: why.detail });
}

function subjectOf(name: ObjectName, reconciling: Reconciling): WatchedTarget | undefined {
  const { ports } = reconciling;
  const object = ports.promotion(name);
  const read = object && parsePromotion(object);
  if (!object || !read?.ok) return undefined;
  // The images that the last completed run reports.
  const last = knownRuns(ports.runsOf(object)).find(({ over }) => over);
  const { images = [] } = last?.object.status ?? {};
  return { ...name, spec: read.value.spec, known: knownAtTarget(statusOf(object, reconciling), images) };
}

async function see(
  subject: WatchedTarget,
  { rejudge, clock }: ControllerPorts,
  signal: AbortSignal,
): Promise<LookedAtTarget> {
  try {
    const judgement = await rejudge?.(subject, signal);
    return { at: clock(), judgement };
  } catch (error) {
    if (!(error instanceof Fault) || signal.aborted) throw error;
    const reason = { code: error.code, detail: error.message };
    return { at: clock(), judgement: { judged: [], unseen: subject.known.length, reason } };
  }
}
