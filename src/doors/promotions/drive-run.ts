import { Fault } from '../../core/model/index.ts';
import { durationMs } from '../../core/policy/index.ts';
import { parsePromotionRun } from '../../core/promotion/index.ts';
import { abandonRun } from './abandon-run.ts';
import { readApprovals } from './approvals.ts';
import { executeRun, type Running } from './execute-run.ts';
import { jobNeed, jobObject, type JobTemplate } from './jobs.ts';
import type { JobShelf, ObjectName, RunObject } from './ports.ts';
import { beginStatus } from './run-status.ts';

/** Sees to it that a run is carried out; the answer asks for another look. */
export type Drive = (
  run: ObjectName,
  signal: AbortSignal,
) => Promise<{ readonly requeueAfterMs: number } | undefined>;

/** How Jobs are made. */
export interface JobMaking {
  readonly jobs: JobShelf;
  readonly template: Omit<JobTemplate, 'deadlineMs'>;
  /** Most Jobs at a time. */
  readonly maxAtOnce: number;
}

/** Milliseconds before a run is looked at again whose claim was lost here. */
const AFTER_STOP_MS = 5_000;
/** Milliseconds between two looks at a Job: its pod may be waiting for a node, and nobody says when it died. */
const JOB_LOOK_MS = 10_000;
/** Milliseconds a Job has beyond the time of its run: to be scheduled, to pull its image, and to tell its end. */
const JOB_EXTRA_MS = 600_000;

/** Carries out runs in this process. */
export function driveHere(running: Running): Drive {
  return async (run, signal) => {
    const ended = await executeRun(run, running, signal);
    if (ended.end === 'held') return { requeueAfterMs: ended.retryInMs };
    return ended.end === 'stopped' && !signal.aborted ? { requeueAfterMs: AFTER_STOP_MS } : undefined;
  };
}

/** Has runs carried out by Jobs, each by `pratique run` with the same claim. */
export function driveJobs(running: Running, { jobs, template, maxAtOnce }: JobMaking): Drive {
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
    const need = jobNeed(run, await jobs.of(run, signal), waitMs);
    if (need.what === 'create' && !atWork.has(key) && atWork.size >= maxAtOnce) return LOOK_AGAIN;
    atWork.add(key);
    if (need.what === 'create') await createJob(run, need.name, { jobs, template }, signal);
    if (need.what === 'give up') await abandonRun(name, NO_JOB_DID, running, signal);
    return waitMs > 0 ? { requeueAfterMs: Math.min(waitMs, JOB_LOOK_MS) } : LOOK_AGAIN;
  };
}

const LOOK_AGAIN = { requeueAfterMs: JOB_LOOK_MS };
const NO_JOB_DID = {
  code: 'JobFailed',
  detail: 'Jobs that were to carry it out ended before it did',
} as const;

async function createJob(
  run: RunObject,
  name: string,
  { jobs, template }: Pick<JobMaking, 'jobs' | 'template'>,
  signal: AbortSignal,
): Promise<void> {
  const read = parsePromotionRun(run);
  const timeoutMs = read.ok ? durationMs(read.value.spec.template.timeout) : 0;
  const job = jobObject(run, name, { ...template, deadlineMs: timeoutMs + JOB_EXTRA_MS });
  const created = await jobs.create(job, run.metadata.namespace, signal);
  if (!created.ok && created.status !== ALREADY_THERE) throw refused(name, created.message);
}

const ALREADY_THERE = 409;

function refused(job: string, detail: string): Fault {
  return new Fault({
    code: 'ClusterDenied',
    operation: `create Job ${job}`,
    side: 'cluster',
    transient: true,
    detail,
  });
}
