import { Fault, type Reason } from '../../../core/model/index.ts';
import { durationMs } from '../../../core/policy/index.ts';
import { parsePromotionRun } from '../../../core/promotion/index.ts';
import { readApprovals } from '../run-state.ts';
import { executeRun, type Running } from './execute-run.ts';
import { jobNeed, jobObject, type JobTemplate } from '../jobs/job.ts';
import type { JobStore, ObjectName, RunObject } from '../ports.ts';
import { beginStatus, endStatus } from '../status/run-status.ts';
import type { Hold } from './run-lease.ts';

/** Makes sure that a run is executed; the answer asks for another check. */
export type Drive = (
  run: ObjectName,
  signal: AbortSignal,
) => Promise<{ readonly requeueAfterMs: number } | undefined>;

/** How Jobs are created. */
export interface JobMaking {
  readonly jobs: JobStore;
  readonly template: Omit<JobTemplate, 'deadlineMs'>;
  /** Most Jobs at a time. */
  readonly maxAtOnce: number;
}

/** Milliseconds before a run is checked again after this process lost its claim. */
const AFTER_STOP_MS = 5_000;
/** Milliseconds between two checks of a Job: its pod may be waiting for a node, and no event reports that it died. */
const JOB_LOOK_MS = 10_000;
/** Milliseconds a Job has beyond the time of its run: to be scheduled, to pull its image, and to report its end. */
const JOB_EXTRA_MS = 600_000;

/** Executes runs in this process. */
export function driveHere(running: Running): Drive {
  return async (run, signal) => {
    const ended = await executeRun(run, running, signal);
    if (ended.end === 'held') return { requeueAfterMs: ended.retryInMs };
    return ended.end === 'stopped' && !signal.aborted ? { requeueAfterMs: AFTER_STOP_MS } : undefined;
  };
}

/**
 * Has runs executed by Jobs, each by `pratique run` with the same claim. When the API server refuses a Job for good, the run ends
 * with the message of the API server: users would not search a log for it.
 */
export function driveJobs(running: Running, making: JobMaking): Drive {
  const { ports, claims } = running;
  const atWork = new Set<string>();
  return async (name, signal) => {
    const key = `${name.namespace}/${name.name}`;
    const run = await ports.runs.read(name, signal);
    if (!run || !beginStatus(run, readApprovals(ports.approvals(name)), ports.clock())) {
      atWork.delete(key);
      return undefined;
    }
    const waitMs = claims.waitMs(run);
    const begin = (): boolean => {
      if (!atWork.has(key) && atWork.size >= making.maxAtOnce) return false;
      atWork.add(key);
      return true;
    };
    const outcome = await seeToJob({ run, waitMs, making, begin }, signal);
    if (outcome === 'at work') atWork.add(key);
    if (outcome === 'created' && isHeld(run)) await freeRun(name, running, signal);
    if (typeof outcome === 'object') await abandonRun(name, outcome, running, signal);
    return { requeueAfterMs: waitMs > 0 ? Math.min(waitMs, JOB_LOOK_MS) : JOB_LOOK_MS };
  };
}

interface Wanting {
  readonly run: RunObject;
  /** Milliseconds until its claim may be taken. */
  readonly waitMs: number;
  readonly making: JobMaking;
  /** Takes a place among the running Jobs; `false` = there is none. */
  readonly begin: () => boolean;
}

/** `created` = a new Job is about to claim the run. */
type Outcome = 'at work' | 'created' | 'waiting' | Abandoning;

function isHeld({ status }: RunObject): boolean {
  return (status?.claim?.holder ?? '') !== '';
}

async function seeToJob({ run, waitMs, making, begin }: Wanting, signal: AbortSignal): Promise<Outcome> {
  try {
    const need = jobNeed(run, await making.jobs.of(run, signal), waitMs);
    if (need.what === 'wait') return 'at work';
    if (need.what === 'give up') {
      const detail = `Jobs ended before it did, job/${need.last} at last; see their logs`;
      return { failure: { code: 'JobFailed', detail }, retryable: false };
    }
    return begin() ? await createJob(run, need.name, making, signal) : 'waiting';
  } catch (error) {
    if (!(error instanceof Fault) || error.transient) throw error;
    return { failure: { code: error.code, detail: error.message }, retryable: true };
  }
}

async function createJob(
  run: RunObject,
  name: string,
  { jobs, template }: Pick<JobMaking, 'jobs' | 'template'>,
  signal: AbortSignal,
): Promise<Outcome> {
  const read = parsePromotionRun(run);
  const timeoutMs = read.ok ? durationMs(read.value.spec.template.timeout) : 0;
  const job = jobObject(run, name, { ...template, deadlineMs: timeoutMs + JOB_EXTRA_MS });
  const created = await jobs.create(job, run.metadata.namespace, signal);
  if (created.ok || created.status === ALREADY_THERE) return 'created';
  // A right, a quota or an image that admission refuses: a person has to fix it, and a later attempt picks up the fix.
  const detail = `Job ${name} was refused: ${created.message}`;
  return { failure: { code: 'ClusterDenied', detail }, retryable: true };
}

const ALREADY_THERE = 409;

/** Why a run is given up, and whether a new one may succeed without any change. */
interface Abandoning {
  readonly failure: Reason;
  readonly retryable: boolean;
}

/** Ends a run that cannot be executed, unless another holder has it. Throws a `Fault` when the API server cannot be asked. */
async function abandonRun(
  name: ObjectName,
  { failure, retryable }: Abandoning,
  running: Running,
  signal: AbortSignal,
): Promise<void> {
  const { ports } = running;
  const considered = readApprovals(ports.approvals(name));
  const hold = await holdOf(name, running, signal);
  if (!hold) return;
  const begun = hold.run.status ?? {};
  hold.setStatus(() =>
    endStatus({ begun, considered, now: ports.clock(), failure, retryable, dryRun: false }),
  );
  await hold.release();
}

/**
 * Releases an expired claim, so that the next holder need not wait for it to expire once more. Its former holder, should it still
 * run, has lost it. Throws a `Fault` when the API server cannot be asked.
 */
async function freeRun(name: ObjectName, running: Running, signal: AbortSignal): Promise<void> {
  const hold = await holdOf(name, running, signal);
  await hold?.release();
}

async function holdOf(
  name: ObjectName,
  { ports, claims }: Running,
  signal: AbortSignal,
): Promise<Hold | undefined> {
  const considered = readApprovals(ports.approvals(name));
  const begin = (run: RunObject) => beginStatus(run, considered, ports.clock());
  const taken = await claims.take(name, { begin, signal });
  return taken.state === 'taken' ? taken.hold : undefined;
}
