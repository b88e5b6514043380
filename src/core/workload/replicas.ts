import { isFields } from './fields.ts';
import { workloadOf, type ObjectKind } from './kinds.ts';

/** What the API server fills in for an absent `spec.replicas`. */
const DEFAULT_REPLICAS = 1;

/**
 * How many pods an object asks for; `undefined` for a kind that does not say (a DaemonSet, a Job: parallelism is no
 * replica count) and for a count that cannot be read. Used to tell a workload that starts running from one that goes on:
 * an object made with no replicas and scaled up later runs its images then for the first time.
 */
export function replicasOf(object: unknown, kind: ObjectKind): number | undefined {
  if (workloadOf(kind)?.scalable !== true || !isFields(object) || !isFields(object.spec)) return undefined;
  const replicas = object.spec.replicas ?? DEFAULT_REPLICAS;
  return typeof replicas === 'number' && Number.isSafeInteger(replicas) && replicas >= 0
    ? replicas
    : undefined;
}
