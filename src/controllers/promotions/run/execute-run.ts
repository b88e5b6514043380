import { Fault, describeProblems, type Time } from '../../../core/model/index.ts';
import { durationMs } from '../../../core/policy/index.ts';
import {
  parsePromotionRun,
  type Execution,
  type ImagePromotionRun,
  type ImagePromotionRunStatus,
  type Rest,
} from '../../../core/promotion/index.ts';
import type { ObjectName, RunnerPorts, RunObject } from '../ports.ts';
import { decideBy, readApprovals } from '../run-state.ts';
import { missingImages, openProgress, planProgress, type RunProgress } from '../status/run-progress.ts';
import { beginStatus, endStatus, openStatus, type RegistryWait } from '../status/run-status.ts';
import { isReady } from './pins.ts';
import { pause, type RunLease, type RunLeases } from './run-lease.ts';

/** The result of executing a run. */
export type RunEnd =
  | { readonly end: 'over'; readonly status: ImagePromotionRunStatus }
  /** Another holder executes it: check again in so many milliseconds. */
  | { readonly end: 'held'; readonly retryInMs: number }
  /**
   * `stopped` before it was done, by the caller or because the lease was lost: it continues from what is stored. `nothing` to do:
   * it has ended before, or is gone.
   */
  | { readonly end: 'stopped' | 'nothing' };

/** The ports and settings for executing. */
export interface Running {
  readonly ports: RunnerPorts;
  readonly leases: RunLeases;
}

/**
 * Executes a run, or what is left of it, unless another holder has it: takes its lease, pins its plan before the first step, reports
 * progress, and ends it. The signal stops it without ending it. Throws a `Fault` when the API server cannot be asked.
 */
export async function executeRun(name: ObjectName, running: Running, signal: AbortSignal): Promise<RunEnd> {
  const taken = await takeRun(name, running, signal);
  if (taken.state === 'held') return { end: 'held', retryInMs: taken.retryInMs };
  if (taken.state !== 'taken') return { end: 'nothing' };
  const { lease } = taken;
  try {
    return await carryOut(lease, running.ports, AbortSignal.any([signal, lease.signal]));
  } finally {
    // The next holder need not wait.
    if (signal.aborted && !lease.signal.aborted) await lease.release();
    lease.close();
  }
}

/** Takes the lease of a run that has something to execute. Throws a `Fault` when the API server cannot be asked. */
export function takeRun(
  name: ObjectName,
  { ports, leases }: Running,
  signal: AbortSignal,
): ReturnType<RunLeases['take']> {
  const begin = (run: RunObject) => beginStatus(run, readApprovals(ports.approvals(name)), ports.clock());
  return leases.take(name, { begin, signal });
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

/** Carries out a run whose lease is held. `stop` stops it without ending it. */
async function carryOut(lease: RunLease, ports: RunnerPorts, stop: AbortSignal): Promise<RunEnd> {
  const { metadata, status: begun = {} } = lease.run;
  const approvals = () => readApprovals(ports.approvals(metadata));
  const considered = approvals();
  const read = parsePromotionRun(lease.run);
  const dryRun = read.ok && read.value.spec.template.dryRun;
  const end = async (reported: Reported): Promise<RunEnd> => {
    const status = endStatus({ ...reported, begun, considered, now: ports.clock(), dryRun });
    lease.setStatus(() => status);
    return (await lease.release()) ? { end: 'over', status } : { end: 'stopped' };
  };
  if (!read.ok)
    return end({ failure: { code: 'InvalidPromotion', detail: describeProblems(read.problems) } });
  const run = read.value;
  let progress: RunProgress | undefined;
  let waiting: RegistryWait | undefined;
  const statusNow = () => openStatus({ begun, progress, now: ports.clock(), dryRun, waiting });
  const onRest = ({ side, ms }: Rest): void => {
    waiting = { side, until: new Date(ports.clock().getTime() + ms) };
    lease.setStatus(statusNow);
  };
  const timeout = startTimeout(run, begun, ports);
  const signal = AbortSignal.any([stop, timeout.signal]);

  /** Plans the run, or continues with its plan, and carries out what can be done now. */
  const runImages = async (execution: Execution): Promise<RunEnd> => {
    const resumed = begun.plan !== undefined;
    const planned = begun.plan
      ? { ok: true as const, progress: openProgress(begun, begun.plan) }
      : planProgress(await execution.plan(signal, onRest, { records: !dryRun }));
    if (!planned.ok) return end({ failure: planned.reason });
    const done = planned.progress;
    progress = done;
    lease.setStatus(statusNow);
    // No step begins before the plan is stored.
    if (!resumed && !(await lease.write())) return { end: 'stopped' };
    // An API server drops fields that its definition lacks. A dry run does not count what it only plans.
    const missing = dryRun ? 0 : missingImages(lease.run.status ?? {});
    if (missing > 0) {
      const detail = `planned images that the API server did not keep: ${String(missing)}; apply the definitions (CRDs) of this version, then start another run`;
      return end({ failure: { code: 'ClusterDenied', detail } });
    }
    const onResult: RunProgress['record'] = (result) => {
      // After a stop, an image is only reported as stopped, which is no result; the next holder continues with it.
      if (!stop.aborted) done.record(result);
    };
    const decide = decideBy(lease.run, considered, ports.clock());
    const ready = done.pins().filter((pin) => isReady(pin, decide));
    const work = ready.map(({ planned }) => planned);
    const order = { progress: { ...SILENT, onResult, onRest }, dryRun, resumed, approvals };
    for (const result of await execution.run(work, order, signal)) onResult(result);
    // A run that was stopped does not end.
    stop.throwIfAborted();
    return end({ progress: done });
  };

  let execution: Execution | undefined;
  try {
    const { promotion, template: spec, attempt: failedBefore } = run.spec;
    const { namespace, name: runName, uid: runUID } = metadata;
    const startedAt = startOf(begun, ports);
    const subject = { namespace, runName, runUID, promotion, spec, failedBefore, startedAt };
    execution = await ports.executions.open(subject, signal);
    return await runImages(execution);
  } catch (error) {
    if (stop.aborted) return { end: 'stopped' };
    // A timeout takes precedence over the errors that it caused.
    const why: unknown = signal.aborted ? signal.reason : error;
    if (why instanceof Fault)
      return await end({ failure: { code: why.code, detail: why.message }, retryable: why.transient });
    ports.report(why);
    return await end({ failure: { code: 'InternalError', detail: 'it failed, this is a bug' } });
  } finally {
    await execution?.close().catch(ports.report);
    timeout.cancel();
  }
}

/** What came of a run. */
type Reported = Pick<Parameters<typeof endStatus>[0], 'progress' | 'failure' | 'retryable'>;

function startOf({ startTime }: ImagePromotionRunStatus, { clock }: RunnerPorts): Date {
  const started = new Date(startTime ?? NaN);
  return Number.isNaN(started.getTime()) ? clock() : started;
}

function nothing(): void {
  // A status reports images that are done; steps and bytes are for terminals.
}

const SILENT = { onStep: nothing, onExpected: nothing, onBytes: nothing };

/**
 * Starts the one deadline of a run, which fires with a `Fault` `DeadlineExceeded`: counted from its begin, also by a holder that
 * continues it after a crash; after a decision by a person, from then.
 */
function startTimeout(
  { metadata, spec }: ImagePromotionRun,
  { startTime, resumeTime }: ImagePromotionRunStatus,
  { clock, after }: Time,
): { readonly signal: AbortSignal; readonly cancel: () => void } {
  const { timeout } = spec.template;
  const late = new AbortController();
  const from = resumeTime ?? startTime;
  const spent = from === undefined ? 0 : clock().getTime() - new Date(from).getTime();
  const cancel = after(Math.max(0, durationMs(timeout) - Math.max(0, spent)), () => {
    const detail = `it took longer than its timeout of ${timeout}`;
    const operation = `carry out ${metadata.name}`;
    late.abort(new Fault({ code: 'DeadlineExceeded', operation, side: 'cluster', transient: false, detail }));
  });
  return { signal: late.signal, cancel };
}
