import type { RecordedEvent } from '../../clients/kubernetes/index.ts';
import { describeProblems, type Problem, type Reason } from '../../core/model/index.ts';
import { parseTime } from '../../core/policy/index.ts';
import {
  ASKED_AT,
  parsePromotion,
  PUSHED_AT,
  type ImagePromotionSpec,
  type ImagePromotionStatus,
} from '../../core/promotion/index.ts';
import { regarding } from './changes.ts';
import { dueOf, openRequest, type Due, type DueFacts } from './due.ts';
import { compareGates } from './gates.ts';
import { keyOf, type ObjectName, type PromotionObject } from './ports.ts';
import { judgeAgain, lookAgain } from './reassess-due.ts';
import {
  CHECK_MS,
  MAX_WAIT_MS,
  runsOf,
  statusOf,
  type Look,
  type Outcome,
  type Reading,
  type Reconciling,
} from './refresh.ts';
import { newRun, runName, runsToPrune, type Trigger } from './run-object.ts';
import { readApprovals, unfitApprovals, type RecordedRun } from './run-state.ts';
import { absorbRuns, flaggedIn, meterRun, promotionStatus } from './status/promotion-status.ts';

/** Least milliseconds between two checks: prevents a loop around a moment that has just passed. */
const MIN_WAIT_MS = 1_000;
/** Reasons by which the settings refuse a promotion. */
const REFUSALS: ReadonlySet<string> = new Set(['NotGranted', 'InsecureNotAllowed']);
const NOT_FOUND = 404;
const ALREADY_THERE = 409;
/** Annotation by which a person asks for a run now. */
const REQUESTED_AT = 'reconcile.pratique.dev/requestedAt';
/** Characters of a request that count: as many as the status has room for. */
const MAX_REQUEST = 64;

/** Reconciles a promotion: applies the results of its runs, begins the next one when it is due, and writes its status once. */
export async function reconcilePromotion(
  name: ObjectName,
  reconciling: Reconciling,
  signal: AbortSignal,
): Promise<{ readonly requeueAfterMs: number } | undefined> {
  const { ports } = reconciling;
  const key = keyOf(name);
  const object = ports.promotion(name);
  if (!object || object.metadata.deletionTimestamp !== undefined) {
    forget(name, reconciling);
    return undefined;
  }
  const look = { key, object, reconciling, runs: runsOf(object, reconciling), now: ports.clock() };
  const before = statusOf(object, reconciling);
  const absorbed = absorbRuns(object, before, look.runs);
  const read = parsePromotion(object);
  const outcome = read.ok
    ? await actOnGates({ ...look, promotion: read.value, status: absorbed.status }, signal)
    : stuckAt(look, absorbed.status, read.problems);
  const { generation } = object.metadata;
  const unfit = unfitOf(look);
  const facts = { ...outcome, generation, now: look.now, requestedAt: requestOf(object), unfit };
  const status = promotionStatus(outcome.status, facts);
  if (!(await write(look, { before, status }, signal))) return undefined;
  const events = [...absorbed.events, ...outcome.events, ...unfitEvents(object, before, unfit)];
  for (const event of events) ports.recordEvent(event);
  for (const one of absorbed.counted) meterRun(ports.meter, one);
  ports.meter.flagged(key, flaggedIn(status));
  ports.meter.waiting(key, look.runs.some(isWaiting));
  for (const run of superfluousIn(outcome)) await ports.removeRun(run.object.metadata);
  const { againInMs } = outcome;
  if (againInMs === undefined) return undefined;
  return { requeueAfterMs: Math.min(MAX_WAIT_MS, Math.max(MIN_WAIT_MS, againInMs)) };
}

function isWaiting({ over, object: { status } }: RecordedRun): boolean {
  return !over && status?.waitsUntil !== undefined;
}

/** Most approvals that do not count which a condition names. */
const MAX_UNFIT = 3;

/** Why approvals do not count for what waits. */
function unfitOf({ runs, reconciling: { ports }, object, now }: Look): readonly string[] {
  const { namespace } = object.metadata;
  const ended = runs.filter(({ over }) => over);
  return ended
    .flatMap((run) =>
      unfitApprovals(run.object, readApprovals(ports.approvals({ namespace, name: run.name })), now),
    )
    .slice(0, MAX_UNFIT);
}

/** One event for each reason that the condition did not name before. */
function unfitEvents(
  object: PromotionObject,
  { conditions = [] }: ImagePromotionStatus,
  unfit: readonly string[],
): readonly RecordedEvent[] {
  const known = conditions.find(({ type }) => type === 'Ready')?.message ?? '';
  return unfit
    .filter((note) => !known.includes(note))
    .map((note) => ({
      regarding: regarding(object),
      ...{ type: 'Warning', reason: 'ApprovalUnfit', action: 'Approve', note },
    }));
}

function superfluousIn({ runs, spec }: Acted): readonly RecordedRun[] {
  return spec ? runsToPrune(runs, spec.historyLimits) : [];
}

/** The request of a person. */
function requestOf({ metadata: { annotations } }: PromotionObject): string | undefined {
  return annotations?.[REQUESTED_AT]?.slice(0, MAX_REQUEST);
}

interface Acted extends Outcome {
  /** Absent = the promotion cannot be read. */
  readonly spec?: ImagePromotionSpec;
  readonly runs: readonly RecordedRun[];
  /** Why it cannot be executed at present. */
  readonly obstacle?: Reason;
  /** A run was begun, perhaps as the answer to the request of a person. */
  readonly begun?: { readonly requestedAt?: string };
}

/** A promotion that cannot be read begins no run; a run of its former version still ends. */
function stuckAt(
  { runs, object, reconciling }: Look,
  status: ImagePromotionStatus,
  problems: readonly Problem[],
): Acted {
  const obstacle = { code: 'InvalidPromotion', detail: describeProblems(problems) } as const;
  const active = runs.findLast(({ over }) => !over);
  if (active) reconciling.execute(object.metadata, active.object.metadata);
  return { status, runs, events: [], obstacle };
}

/** The same, after its gates were compared with those it had. */
async function actOnGates(reading: Reading, signal: AbortSignal): Promise<Acted> {
  const { object, promotion, status } = reading;
  const { gates, events } = compareGates(object, promotion.spec, status.gates);
  const acted = await actOn({ ...reading, status: { ...status, gates } }, signal);
  return { ...acted, events: [...events, ...acted.events] };
}

async function actOn(reading: Reading, signal: AbortSignal): Promise<Acted> {
  const { object, promotion, reconciling, runs, now } = reading;
  const facts = await factsOf(reading, signal);
  const due = dueOf(facts);
  const judged = { ...judgeAgain(reading), runs, spec: promotion.spec };
  if (due.what === 'execute') {
    reconciling.execute(object.metadata, due.run.object.metadata);
    return { ...judged, againInMs: MAX_WAIT_MS };
  }
  if (due.what === 'begin') {
    const obstacle = await check(reading, signal);
    // What is refused, the run reports: it may also do without a login that it may not use.
    if (obstacle && !REFUSALS.has(obstacle.code)) return { ...judged, obstacle, againInMs: CHECK_MS };
    const requestedAt = openRequest(facts);
    const after = await beginRun(reading, { trigger: due.trigger, requestedAt }, signal);
    return { ...judged, runs: after, begun: { requestedAt }, againInMs: MAX_WAIT_MS };
  }
  const again = [waitOf(due, now), judged.againInMs, ...(isUnusable(runs[0]) ? [CHECK_MS] : [])];
  return { ...judged, againInMs: Math.min(...again) };
}

function check({ object, promotion: { spec }, reconciling }: Reading, signal: AbortSignal) {
  return reconciling.ports.executions.check({ namespace: object.metadata.namespace, spec }, signal);
}

function waitOf({ until }: Extract<Due, { what: 'wait' }>, now: Date): number {
  return until ? until.getTime() - now.getTime() : MAX_WAIT_MS;
}

async function factsOf(reading: Reading, signal: AbortSignal): Promise<DueFacts> {
  const { object, promotion, status, runs, now, reconciling } = reading;
  const { ports } = reconciling;
  const { generation, creationTimestamp, namespace, annotations } = object.metadata;
  return {
    ...{ generation, spec: promotion.spec, status, runs, now, requestedAt: requestOf(object) },
    createdAt: new Date(creationTimestamp),
    approvals: runs.flatMap(({ name }) => readApprovals(ports.approvals({ namespace, name }))),
    usable: isUnusable(runs[0]) && !(await check(reading, signal)),
    // As the replica reports it that received the event, or the gate; a text that is no moment counts as absent.
    pushedAt: parseTime(annotations?.[PUSHED_AT] ?? ''),
    askedAt: parseTime(annotations?.[ASKED_AT] ?? ''),
  };
}

/** Whether a run failed because an object that its promotion names was missing, or was refused: a new run makes sense once that changes. */
function isUnusable(run: RecordedRun | undefined): boolean {
  const code = run?.failure?.code;
  return code !== undefined && (code === 'SecretUnreadable' || REFUSALS.has(code));
}

/** Writes the status if it has changed; `false` = the promotion is gone. */
async function write(
  look: Look,
  { before, status }: { readonly before: ImagePromotionStatus; readonly status: ImagePromotionStatus },
  signal: AbortSignal,
): Promise<boolean> {
  const { key, object, reconciling } = look;
  if (JSON.stringify(before) === JSON.stringify(status)) return true;
  try {
    const answer = await reconciling.ports.writePromotionStatus(object, status, signal);
    if (!answer.ok && answer.status === NOT_FOUND) return false;
    if (!answer.ok) throw new Error(answer.message);
  } catch (error) {
    // The result of the last check of the target was only in this write.
    lookAgain(look);
    throw error;
  }
  reconciling.statuses.set(key, { uid: object.metadata.uid, status });
  return true;
}

function forget(name: ObjectName, reconciling: Reconciling): void {
  const { begun, statuses, looks, ports } = reconciling;
  for (const memory of [begun, statuses, looks]) memory.delete(keyOf(name));
  reconciling.stop(name);
  ports.meter.flagged(keyOf(name), 0);
  ports.meter.waiting(keyOf(name), false);
}

/**
 * Creates a run and has it executed; the answer is all runs then. A run that exists already was created a moment ago, by this
 * process or one before it.
 */
async function beginRun(
  { key, object, promotion, runs, now, reconciling }: Reading,
  given: { readonly trigger: Trigger; readonly requestedAt: string | undefined },
  signal: AbortSignal,
): Promise<readonly RecordedRun[]> {
  const { ports, begun } = reconciling;
  const { namespace, generation } = object.metadata;
  const { attempt } = given.trigger;
  const created = await ports.createRun(newRun(object, promotion, given), namespace, signal);
  if (!created.ok && created.status !== ALREADY_THERE) throw new Error(created.message);
  const name = runName(object.metadata, given.trigger);
  if (runs.some((run) => run.name === name)) return runs;
  const metadata = { namespace, name, uid: '', generation: 1, resourceVersion: '' };
  begun.set(key, {
    ...{ apiVersion: object.apiVersion, kind: 'ImagePromotionRun' },
    metadata: { ...metadata, creationTimestamp: now.toISOString() },
    spec: { promotion: { generation }, attempt },
  });
  reconciling.execute(object.metadata, metadata);
  return runsOf(object, reconciling);
}
