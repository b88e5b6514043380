import { Fault, type Reason } from '../../../core/model/index.ts';
import {
  parsePromotionRun,
  type Execution,
  type ImagePromotionRun,
  type ImagePromotionRunStatus,
} from '../../../core/promotion/index.ts';
import { readApprovals, type KnownApproval, decideBy, readyPins } from '../run-state.ts';
import { type RunLeases, type Hold, pause } from './run-lease.ts';
import { openProgress, planProgress, type Planned, type RunProgress } from '../status/run-progress.ts';
import type { ObjectName, RunnerPorts, RunObject, Time } from '../ports.ts';
import { beginStatus, endStatus, openStatus } from '../status/run-status.ts';
import { durationMs } from '../../../core/policy/index.ts';

/** The result of executing a run. */
export type RunEnd =
  | { readonly end: 'over'; readonly status: ImagePromotionRunStatus }
  /** Another holder executes it: check again in so many milliseconds. */
  | { readonly end: 'held'; readonly retryInMs: number }
  /** Stopped before it was done, by the caller or because the claim was lost; it continues from what is stored. */
  | { readonly end: 'stopped' }
  /** There is nothing to do: it has ended before, or is gone. */
  | { readonly end: 'nothing' };

/** The ports and settings for executing. */
export interface Running {
  readonly ports: RunnerPorts;
  readonly claims: RunLeases;
}

/**
 * Executes a run, or what is left of it, unless another holder has it: claims it, pins its plan before the first step, reports
 * progress, and ends it. The signal stops it without ending it. Throws a `Fault` when the API server cannot be asked.
 */
export async function executeRun(name: ObjectName, running: Running, signal: AbortSignal): Promise<RunEnd> {
  const { ports, claims } = running;
  const approvals = (): readonly KnownApproval[] => readApprovals(ports.approvals(name));
  const begin = (run: RunObject) => beginStatus(run, approvals(), ports.clock());
  const taken = await claims.take(name, { begin, signal });
  if (taken.state === 'held') return { end: 'held', retryInMs: taken.retryInMs };
  if (taken.state !== 'taken') return { end: 'nothing' };
  const { hold } = taken;
  try {
    return await carryOut({ hold, ports, approvals }, AbortSignal.any([signal, hold.signal]));
  } finally {
    // The next holder need not wait.
    if (signal.aborted && !hold.signal.aborted) await hold.release();
    hold.close();
  }
}

/** Executes a run as soon as no other holder has it: for a process that was started for this run alone. */
export async function executeWhenFree(
  name: ObjectName,
  running: Running,
  signal: AbortSignal,
): Promise<Exclude<RunEnd, { readonly end: 'held' }>> {
  for (;;) {
    const ended = await executeRun(name, running, signal);
    if (ended.end !== 'held') return ended;
    await pause(ended.retryInMs, running.ports.after, signal);
    if (signal.aborted) return { end: 'stopped' };
  }
}

interface Carrying {
  readonly hold: Hold;
  readonly ports: RunnerPorts;
  readonly approvals: () => readonly KnownApproval[];
}

/** A run that was read, with how its end is reported. */
interface Carried extends Carrying {
  readonly run: ImagePromotionRun;
  readonly begun: ImagePromotionRunStatus;
  readonly considered: readonly KnownApproval[];
  /** Stops it without ending it. */
  readonly stop: AbortSignal;
}

async function carryOut(carrying: Carrying, stop: AbortSignal): Promise<RunEnd> {
  const { hold, ports } = carrying;
  const begun = hold.run.status ?? {};
  const considered = carrying.approvals();
  const read = parsePromotionRun(hold.run);
  if (!read.ok) {
    const detail = read.problems.map(({ path, message }) => `${path} ${message}`.trim()).join('; ');
    const failure = { code: 'InvalidPromotion', detail } as const;
    return end(hold, endStatus({ begun, considered, now: ports.clock(), failure, dryRun: false }));
  }
  const carried = { ...carrying, run: read.value, begun, considered, stop };
  const timeout = startTimeout(read.value, begun, ports);
  try {
    return await withExecution(carried, AbortSignal.any([stop, timeout.signal]));
  } finally {
    timeout.cancel();
  }
}

async function withExecution(carried: Carried, signal: AbortSignal): Promise<RunEnd> {
  const { run, hold, ports, stop, begun } = carried;
  let execution: Execution | undefined;
  try {
    const { promotion, template: spec, attempt: failedBefore } = run.spec;
    const { namespace, name: runName } = hold.run.metadata;
    const startedAt = startOf(begun, ports);
    const subject = { namespace, runName, promotion, spec, failedBefore, startedAt };
    execution = await ports.executions.open(subject, signal);
    return await withPlan(carried, execution, signal);
  } catch (error) {
    if (stop.aborted) return { end: 'stopped' };
    return await fail(carried, reasonOf(error, signal, ports), isTransient(error, signal));
  } finally {
    await execution?.close().catch(ports.report);
  }
}

function startOf({ startTime }: ImagePromotionRunStatus, { clock }: RunnerPorts): Date {
  const started = new Date(startTime ?? NaN);
  return Number.isNaN(started.getTime()) ? clock() : started;
}

async function withPlan(carried: Carried, execution: Execution, signal: AbortSignal): Promise<RunEnd> {
  const { begun, hold, stop } = carried;
  if (begun.plan)
    return withProgress(carried, { execution, runProgress: openProgress(begun), plan: begun.plan }, signal);
  const planned = planProgress(await execution.plan(signal));
  if (!planned.ok) return fail(carried, planned.reason, false);
  const { runProgress, plan } = planned;
  hold.setStatus(() =>
    openStatus(begun, {
      plan,
      runProgress,
      now: carried.ports.clock(),
      dryRun: carried.run.spec.template.dryRun,
    }),
  );
  // No step begins before the plan is stored.
  if (!(await hold.write()) || stop.aborted) return { end: 'stopped' };
  return withProgress(carried, { execution, runProgress, plan }, signal);
}

interface Prepared extends Pick<Planned, 'runProgress' | 'plan'> {
  readonly execution: Execution;
}

async function withProgress(
  carried: Carried,
  { execution, runProgress, plan }: Prepared,
  signal: AbortSignal,
): Promise<RunEnd> {
  const { run, begun, hold, ports, approvals, considered, stop } = carried;
  const { dryRun } = run.spec.template;
  const record = (result: Parameters<RunProgress['record']>[0]): void => {
    // After a stop, an image is only reported as stopped, which is no result; the next holder continues with it.
    if (!stop.aborted) runProgress.record(result);
  };
  hold.setStatus(() => openStatus(begun, { plan, runProgress, now: ports.clock(), dryRun }));
  const decide = decideBy(hold.run.metadata.name, considered, {
    considered: begun.considered,
    now: ports.clock(),
  });
  const work = readyPins(runProgress.pins(), decide).map(({ planned }) => planned);
  const progress = { onStep: nothing, onExpected: nothing, onBytes: nothing, onResult: record };
  const resumed = begun.plan !== undefined;
  const results = await execution.run(work, { progress, dryRun, resumed, approvals }, signal);
  for (const result of results) record(result);
  if (stop.aborted) return { end: 'stopped' };
  return end(hold, endStatus({ begun, plan, runProgress, considered, now: ports.clock(), dryRun }));
}

async function fail(
  { hold, ports, begun, considered, run }: Carried,
  failure: Reason,
  retryable: boolean,
): Promise<RunEnd> {
  const { dryRun } = run.spec.template;
  return end(hold, endStatus({ begun, considered, now: ports.clock(), failure, retryable, dryRun }));
}

async function end(hold: Hold, status: ImagePromotionRunStatus): Promise<RunEnd> {
  hold.setStatus(() => status);
  return (await hold.release()) ? { end: 'over', status } : { end: 'stopped' };
}

/** Why the run could not begin: a timeout takes precedence over the errors that it caused. */
function reasonOf(error: unknown, signal: AbortSignal, { report }: RunnerPorts): Reason {
  const why: unknown = signal.aborted ? signal.reason : error;
  if (why instanceof Fault) return { code: why.code, detail: why.message };
  report(why);
  return { code: 'InternalError', detail: 'it failed, this is a bug' };
}

function isTransient(error: unknown, signal: AbortSignal): boolean {
  const why: unknown = signal.aborted ? signal.reason : error;
  return why instanceof Fault && why.transient;
}

function nothing(): void {
  // A status reports images that are done; steps and bytes are for terminals.
}

/** The one deadline of a run. */
interface Timeout {
  /** Fires with a `Fault` `DeadlineExceeded`. */
  readonly signal: AbortSignal;
  readonly cancel: () => void;
}

/**
 * Starts the timer for the rest of the time of a run: counted from its begin, also by a holder that continues it after a crash;
 * after a decision by a person, from then.
 */
function startTimeout(
  { metadata, spec }: ImagePromotionRun,
  { startTime, resumeTime }: ImagePromotionRunStatus,
  { clock, after }: Time,
): Timeout {
  const { timeout } = spec.template;
  const late = new AbortController();
  const from = resumeTime ?? startTime;
  const spent = from === undefined ? 0 : clock().getTime() - new Date(from).getTime();
  const cancel = after(Math.max(0, durationMs(timeout) - Math.max(0, spent)), () => {
    const detail = `it took longer than its timeout of ${timeout}`;
    late.abort(
      new Fault({
        code: 'DeadlineExceeded',
        operation: `carry out ${metadata.name}`,
        side: 'cluster',
        transient: false,
        detail,
      }),
    );
  });
  return { signal: late.signal, cancel };
}
