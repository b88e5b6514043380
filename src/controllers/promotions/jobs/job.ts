import { podOf, type PodTemplate } from './pod.ts';
import type { RunJob, RunObject } from '../ports.ts';

/** The settings of the Jobs of runs. */
export interface JobTemplate extends PodTemplate {
  /** Milliseconds after which Kubernetes ends the Job: longer than the run itself takes. */
  readonly deadlineMs: number;
}

/** The next action so that a run is executed by a Job. */
export type JobNeed =
  | { readonly what: 'create'; readonly name: string }
  /** A Job is running, or about to run. */
  | { readonly what: 'wait' }
  /** Too many Jobs ended before the run did; this is the last one. */
  | { readonly what: 'give up'; readonly last: string };

/** Label of a Job with the name of its run. */
export const RUN_LABEL = 'pratique.dev/run';
/** Most Jobs of one run: the first one, and a few more for those that are lost with their node. */
const MAX_JOBS = 5;

/**
 * Decides whether a run needs a Job. `waitMs` is the time until its claim expires. A Job whose claim has expired counts as
 * dead, whatever its pod reports: the next Job takes over, and the claim prevents that both write.
 */
export function jobNeed(
  { metadata: { name }, status }: RunObject,
  jobs: readonly RunJob[],
  waitMs: number,
): JobNeed {
  if (waitMs > 0) return { what: 'wait' };
  const holder = status?.claim?.holder ?? '';
  const alive = jobs.some((job) => !job.over && !holder.startsWith(`${job.name}/`));
  if (alive) return { what: 'wait' };
  const numbers = jobs.map((job) => Number(job.name.slice(job.name.lastIndexOf('-') + 1)) || 0);
  const newest = Math.max(0, ...numbers);
  // Every decision of a person needs one more Job.
  const most = MAX_JOBS + (status?.considered?.length ?? 0);
  if (jobs.length >= most) return { what: 'give up', last: `${name}-${String(newest)}` };
  return { what: 'create', name: `${name}-${String(newest + 1)}` };
}

/** A Job that executes a run once: owned by the run, tried once, with no privileges on the host. */
export function jobObject(
  { apiVersion, kind, metadata }: RunObject,
  name: string,
  template: JobTemplate,
): object {
  const { namespace, uid, name: run } = metadata;
  const labels = { [RUN_LABEL]: run };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name,
      namespace,
      labels,
      ownerReferences: [{ apiVersion, kind, name: run, uid, controller: true, blockOwnerDeletion: false }],
    },
    spec: {
      backoffLimit: 0,
      activeDeadlineSeconds: Math.ceil(template.deadlineMs / 1_000),
      template: { metadata: { labels }, spec: podOf(metadata, name, template) },
    },
  };
}
