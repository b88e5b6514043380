import { isObject } from '../model/index.ts';
import { KUBERNETES_WORKLOADS, workloadOf, type ObjectKind, type WorkloadTable } from './kinds.ts';

/** What the API server fills in for an absent `spec.replicas`; custom kinds follow the same custom. */
const DEFAULT_REPLICAS = 1;

/**
 * How many pods an object asks for; `undefined` for a kind that does not say (a DaemonSet, a Job: parallelism is no
 * replica count) and for a count that cannot be read. It distinguishes a workload that starts to run from one that already
 * runs: an object made with no replicas and scaled up later runs its images then for the first time.
 */
export function replicasOf(
  object: unknown,
  kind: ObjectKind,
  table: WorkloadTable = KUBERNETES_WORKLOADS,
): number | undefined {
  const steps = workloadOf(kind, table)?.replicas;
  if (steps === undefined) return undefined;
  let fields = object;
  for (const step of steps.slice(0, -1)) fields = isObject(fields) ? fields[step] : undefined;
  if (!isObject(fields)) return undefined;
  return countOf(fields[steps.at(-1) ?? ''] ?? DEFAULT_REPLICAS);
}

/**
 * How many pods a `Scale` (autoscaling/v1) asks for, whatever it scales; `undefined` when that cannot be read. Absent is
 * none here: the API server leaves a zero out.
 */
export function scaleReplicas(scale: unknown): number | undefined {
  if (!isObject(scale)) return undefined;
  const spec = scale.spec ?? {};
  return isObject(spec) ? countOf(spec.replicas ?? 0) : undefined;
}

function countOf(replicas: unknown): number | undefined {
  return typeof replicas === 'number' && Number.isSafeInteger(replicas) && replicas >= 0
    ? replicas
    : undefined;
}
