import type { Problem, Reason } from '../../core/model/index.ts';
import {
  parsePromotion,
  type ImagePromotionSpec,
  type ImagePromotionStatus,
} from '../../core/promotion/index.ts';
import { readApprovals } from './run-state.ts';
import { dueOf, type Due, type DueFacts, openRequest } from './due.ts';
import { judgeAgain, lookAgain } from './reassess-due.ts';
import type { RecordedRun } from './run/recorded-run.ts';
import {
  CHECK_MS,
  MAX_WAIT_MS,
  pushOf,
  requestOf,
  runsOf,
  type Look,
  type Reading,
  type Reconciling,
} from './refresh.ts';
import type { ControllerPorts, ObjectName, PromotionEvent } from './ports.ts';
import { absorbRuns, meterRun, promotionStatus, type CountedRun } from './status/promotion-status.ts';
import { runsToPrune, runName, runObject, type Trigger } from './run-object.ts';

/** Least milliseconds between two checks: prevents a loop around a moment that has just passed. */
const MIN_WAIT_MS = 1_000;
const NOT_FOUND = 404;

/** Reconciles a promotion: applies the results of its runs, begins the next one when it is due, and writes its status once. */
export async function reconcilePromotion(
  name: ObjectName,
  reconciling: Reconciling,
  signal: AbortSignal,
): Promise<{ readonly requeueAfterMs: number } | undefined> {
  const { ports } = reconciling;
  const key = `${name.namespace}/${name.name}`;
  const object = ports.promotion(name);
  if (!object || object.metadata.deletionTimestamp !== undefined) {
    forget(key, name, reconciling);
    return undefined;
  }
  const look = { key, object, reconciling, runs: runsOf(object, reconciling), now: ports.clock() };
  const before = statusOf(look);
  const absorbed = absorbRuns(object, before, look.runs);
  const read = parsePromotion(object);
  const outcome = read.ok
    ? await actOn({ ...look, promotion: read.value, status: absorbed.status }, signal)
    : stuckAt(look, absorbed.status, read.problems);
  const { spec } = read.ok ? read.value : {};
  const status = statusAfter(look, outcome, spec);
  const written = await write(look, { before, status }, signal).catch((error: unknown) => {
    // The result of the last check of the target was only in this write.
    lookAgain(look);
    throw error;
  });
  if (!written) return undefined;
  publishEvents(look, [...absorbed.events, ...outcome.events], absorbed.counted);
  ports.meter.flagged(key, (status.flagged?.length ?? 0) + (status.flaggedCut ?? 0));
  if (spec) await prune(outcome.runs, spec, ports, signal);
  return requeueIn(outcome);
}

function requeueIn({ againInMs }: Outcome): { readonly requeueAfterMs: number } | undefined {
  if (againInMs === undefined) return undefined;
  return { requeueAfterMs: Math.min(MAX_WAIT_MS, Math.max(MIN_WAIT_MS, againInMs)) };
}

function statusAfter(
  { object, now }: Look,
  { status, runs, obstacle, begun }: Outcome,
  spec: ImagePromotionSpec | undefined,
): ImagePromotionStatus {
  const { generation } = object.metadata;
  const known = { ...(spec && { spec }), ...(obstacle && { obstacle }), ...(begun && { begun }) };
  return promotionStatus(status, { generation, runs, now, ...requestOf(object), ...known });
}

function publishEvents(
  { reconciling: { ports } }: Look,
  events: readonly PromotionEvent[],
  counted: readonly CountedRun[],
): void {
  for (const event of events) ports.recordEvent(event);
  for (const one of counted) meterRun(ports.meter, one);
}

interface Outcome {
  readonly status: ImagePromotionStatus;
  readonly runs: readonly RecordedRun[];
  readonly events: readonly PromotionEvent[];
  readonly obstacle?: Reason;
  readonly begun?: Begun['begun'];
  /** Absent = until something changes. */
  readonly againInMs?: number;
}

/** A promotion that cannot be read begins no run; a run of its former version still ends. */
function stuckAt(
  { runs, object, reconciling }: Look,
  status: ImagePromotionStatus,
  problems: readonly Problem[],
): Outcome {
  const detail = problems.map(({ path, message }) => `${path} ${message}`.trim()).join('; ');
  const obstacle = { code: 'InvalidPromotion', detail } as const;
  const active = runs.findLast(({ over }) => !over);
  if (active) reconciling.execute(object.metadata, active.object.metadata);
  return { status, runs, events: [], obstacle };
}

async function actOn(reading: Reading, signal: AbortSignal): Promise<Outcome> {
  const { object, reconciling, runs, now } = reading;
  const facts = await factsOf(reading, signal);
  const due = dueOf(facts);
  const judged = judgeAgain(reading);
  const plain = { status: judged.status, events: judged.events, runs };
  if (due.what === 'execute') {
    reconciling.execute(object.metadata, due.run.object.metadata);
    return { ...plain, againInMs: MAX_WAIT_MS };
  }
  if (due.what === 'begin') {
    const { namespace } = object.metadata;
    const obstacle = await reconciling.ports.executions.check(
      { namespace, spec: reading.promotion.spec },
      signal,
    );
    if (obstacle) return { ...plain, obstacle, againInMs: CHECK_MS };
    return {
      ...plain,
      ...(await beginRun(reading, { trigger: due.trigger, facts }, signal)),
      againInMs: MAX_WAIT_MS,
    };
  }
  const again = [waitOf(due, now), judged.againInMs, ...(isUnusable(runs[0]) ? [CHECK_MS] : [])];
  return { ...plain, againInMs: Math.min(...again) };
}

function waitOf(due: Due, now: Date): number {
  return due.what === 'wait' && due.until ? due.until.getTime() - now.getTime() : MAX_WAIT_MS;
}

async function factsOf(reading: Reading, signal: AbortSignal): Promise<DueFacts> {
  const { object, promotion, status, runs, now, reconciling, key } = reading;
  const { ports, triggered: triggered } = reconciling;
  const { generation, creationTimestamp, namespace } = object.metadata;
  const approvals = runs.flatMap(({ name }) => readApprovals(ports.approvals({ namespace, name })));
  const wake = triggered.get(key);
  const { spec } = promotion;
  const usable = isUnusable(runs[0]) && !(await ports.executions.check({ namespace, spec }, signal));
  return {
    generation,
    createdAt: new Date(creationTimestamp),
    spec,
    status,
    runs,
    approvals,
    usable,
    now,
    ...requestOf(object),
    ...pushOf(object),
    ...(wake && { triggered: wake }),
  };
}

/** Whether a run failed because an object that its promotion names was missing: a new run makes sense once that exists. */
function isUnusable(run: RecordedRun | undefined): boolean {
  return run?.failure?.code === 'SecretUnreadable';
}

function statusOf({ key, object, reconciling }: Look): ImagePromotionStatus {
  const written = reconciling.statuses.get(key);
  return written?.uid === object.metadata.uid ? written.status : (object.status ?? {});
}

/** Writes the status if it has changed; `false` = the promotion is gone. */
async function write(
  { key, object, reconciling: { ports, statuses } }: Look,
  { before, status }: { readonly before: ImagePromotionStatus; readonly status: ImagePromotionStatus },
  signal: AbortSignal,
): Promise<boolean> {
  if (JSON.stringify(before) === JSON.stringify(status)) return true;
  const answer = await ports.writePromotionStatus(object, status, signal);
  if (!answer.ok && answer.status === NOT_FOUND) return false;
  if (!answer.ok) throw new Error(answer.message);
  statuses.set(key, { uid: object.metadata.uid, status });
  return true;
}

async function prune(
  runs: readonly RecordedRun[],
  { historyLimits }: ImagePromotionSpec,
  ports: ControllerPorts,
  signal: AbortSignal,
): Promise<void> {
  for (const { object } of runsToPrune(runs, historyLimits))
    await ports.removeRun(object.metadata, object.metadata.uid, signal);
}

function forget(key: string, name: ObjectName, reconciling: Reconciling): void {
  for (const memory of [reconciling.begun, reconciling.statuses, reconciling.looks, reconciling.triggered])
    memory.delete(key);
  reconciling.stop(name);
  reconciling.ports.meter.flagged(key, 0);
}

const ALREADY_THERE = 409;

/** A run was begun, perhaps as the answer to the request of a person. */
interface Begun {
  readonly runs: readonly RecordedRun[];
  readonly begun: { readonly requestedAt?: string | undefined };
}

/** Creates a run and has it executed. A run that exists already was created a moment ago, by this process or one before it. */
async function beginRun(
  { key, object, promotion, runs, now, reconciling }: Reading,
  { trigger, facts }: { readonly trigger: Trigger; readonly facts: DueFacts },
  signal: AbortSignal,
): Promise<Begun> {
  const { ports, begun, triggered: triggered } = reconciling;
  const { namespace } = object.metadata;
  const requestedAt = openRequest(facts);
  const created = await ports.createRun(
    runObject(object, promotion, { trigger, requestedAt }),
    namespace,
    signal,
  );
  if (!created.ok && created.status !== ALREADY_THERE) throw new Error(created.message);
  // One run answers every request that came before it began.
  triggered.delete(key);
  const name = runName(object.metadata, trigger);
  if (runs.some((run) => run.name === name)) return { runs, begun: { requestedAt } };
  const metadata = {
    namespace,
    name,
    uid: '',
    generation: 1,
    resourceVersion: '',
    creationTimestamp: now.toISOString(),
  };
  const { apiVersion } = object;
  const spec = { promotion: { generation: object.metadata.generation }, attempt: trigger.attempt };
  begun.set(key, { apiVersion, kind: 'ImagePromotionRun', metadata, spec });
  reconciling.execute(object.metadata, metadata);
  return { runs: runsOf(object, reconciling), begun: { requestedAt } };
}
