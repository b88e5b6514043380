import { Fault, type Reason } from '../../../core/model/index.ts';
import { durationMs } from '../../../core/policy/index.ts';
import { parsePromotionRun } from '../../../core/promotion/index.ts';
import { jobNames, jobNeed, jobObject, type JobTemplate } from '../jobs/job.ts';
import { keyOf, type JobStore, type ObjectName, type RunObject } from '../ports.ts';
import { readApprovals } from '../run-state.ts';
import { beginStatus, endStatus } from '../status/run-status.ts';
import { executeRun, takeRun, type Running } from './execute-run.ts';

/** Makes sure that a run is executed; the answer asks for another check. */
export type Drive = (
  run: ObjectName,
  signal: AbortSignal,
) => Promise<{ readonly requeueAfterMs: number } | undefined>;

/** How Jobs are created. */
interface JobMaking {
  readonly jobs: JobStore;
  readonly template: Omit<JobTemplate, 'deadlineMs'>;
  /** Most Jobs at a time. */
  readonly maxAtOnce: number;
}

/** Milliseconds before a run is checked again after this process lost its lease. */
const AFTER_STOP_MS = 5_000;
/** Milliseconds between two checks of a Job: its pod may be waiting for a node, and no event reports that it died. */
const JOB_LOOK_MS = 10_000;
/** Milliseconds a Job has beyond the time of its run: to be scheduled, to pull its image, and to report its end. */
const JOB_EXTRA_MS = 600_000;
const ALREADY_THERE = 409;

/** Executes runs in this process. */
export function driveHere(running: Running): Drive {
  return async (run, signal) => {
    const ended = await executeRun(run, running, signal);
    if (ended.end === 'held') return { requeueAfterMs: ended.retryInMs };
    return ended.end === 'stopped' && !signal.aborted ? { requeueAfterMs: AFTER_STOP_MS } : undefined;
  };
}

/**
 * Has runs executed by Jobs, each by `pratique run` with the same lease. When the API server refuses a Job for good, the run ends
 * with the message of the API server: users would not search a log for it.
 */
export function driveJobs(running: Running, { jobs, template, maxAtOnce }: JobMaking): Drive {
  const { ports, leases } = running;
  const atWork = new Set<string>();

  const create = async (run: RunObject, name: string, signal: AbortSignal): Promise<Outcome> => {
    const read = parsePromotionRun(run);
    const timeoutMs = read.ok ? durationMs(read.value.spec.template.timeout) : 0;
    const job = jobObject(run, name, { ...template, deadlineMs: timeoutMs + JOB_EXTRA_MS });
    const created = await jobs.create(job, run.metadata.namespace, signal);
    if (created.ok || created.status === ALREADY_THERE) return 'created';
    // A right, a quota or an image that admission refuses: a person has to fix it, and a later attempt picks up the fix.
    const detail = `Job ${name} was refused: ${created.message}`;
    return { failure: { code: 'ClusterDenied', detail }, retryable: true };
  };
  const seeToJob = async (run: RunObject, waitMs: number, signal: AbortSignal): Promise<Outcome> => {
    const key = keyOf(run.metadata);
    try {
      const need = jobNeed(run, await jobs.of(run, jobNames(run), signal), waitMs);
      if (need.what === 'give up') {
        const detail = `Jobs ended before it did, job/${need.last} at last; see their logs`;
        return { failure: { code: 'JobFailed', detail }, retryable: false };
      }
      if (need.what === 'create' && !atWork.has(key) && atWork.size >= maxAtOnce) return 'waiting';
      atWork.add(key);
      return need.what === 'wait' ? 'at work' : await create(run, need.name, signal);
    } catch (error) {
      if (!(error instanceof Fault) || error.transient) throw error;
      return { failure: { code: error.code, detail: error.message }, retryable: true };
    }
  };

  return async (name, signal) => {
    const run = await ports.runs.read(name, signal);
    if (!run || !beginStatus(run, readApprovals(ports.approvals(name)), ports.clock())) {
      atWork.delete(keyOf(name));
      return undefined;
    }
    const waitMs = leases.waitMs(run);
    const outcome = await seeToJob(run, waitMs, signal);
    const isHeld = (run.status?.claim?.holder ?? '') !== '';
    // The next holder need not wait for the lease to expire once more. Its former holder, should it still run, has lost it.
    if (outcome === 'created' && isHeld) await endHere(name, running, signal);
    if (typeof outcome === 'object') await endHere(name, running, signal, outcome);
    return { requeueAfterMs: waitMs > 0 ? Math.min(waitMs, JOB_LOOK_MS) : JOB_LOOK_MS };
  };
}

/** Why a run is given up, and whether a new one may succeed without any change. */
interface Abandoning {
  readonly failure: Reason;
  readonly retryable: boolean;
}

/** `created` = a new Job is about to take the lease of the run. */
type Outcome = 'at work' | 'created' | 'waiting' | Abandoning;

/**
 * Takes a run, unless another holder has it, and releases it: ended, where it cannot be executed. Throws a `Fault` when the API
 * server cannot be asked.
 */
async function endHere(
  name: ObjectName,
  running: Running,
  signal: AbortSignal,
  why?: Abandoning,
): Promise<void> {
  const { ports } = running;
  const considered = readApprovals(ports.approvals(name));
  const taken = await takeRun(name, running, signal);
  if (taken.state !== 'taken') return;
  const begun = taken.lease.run.status ?? {};
  if (why)
    taken.lease.setStatus(() => endStatus({ ...why, begun, considered, now: ports.clock(), dryRun: false }));
  await taken.lease.release();
}
