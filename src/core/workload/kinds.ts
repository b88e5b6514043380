/** What an object says it is; core kinds have the group `''`. The version is never looked at: images stand in the same place in all. */
export interface ObjectKind {
  readonly group: string;
  readonly version?: string;
  readonly kind: string;
}

/** A kind that carries a pod spec. */
export interface Workload {
  /** Steps from the object to its pod spec. */
  readonly podSpec: readonly string[];
  /** The step that the API allows to be absent: then there is no pod spec, and so no image. */
  readonly optional?: string;
  /** Whether `spec.replicas` says how many pods there shall be. */
  readonly scalable?: true;
}

const TEMPLATE = ['spec', 'template', 'spec'];

/** Every kind with a pod spec that Kubernetes has, by `group/kind`. */
const WORKLOADS: ReadonlyMap<string, Workload> = new Map<string, Workload>([
  ['/Pod', { podSpec: ['spec'] }],
  ['/PodTemplate', { podSpec: ['template', 'spec'], optional: 'template' }],
  ['/ReplicationController', { podSpec: TEMPLATE, optional: 'template', scalable: true }],
  ['apps/Deployment', { podSpec: TEMPLATE, scalable: true }],
  ['apps/ReplicaSet', { podSpec: TEMPLATE, scalable: true }],
  ['apps/StatefulSet', { podSpec: TEMPLATE, scalable: true }],
  ['apps/DaemonSet', { podSpec: TEMPLATE }],
  ['batch/Job', { podSpec: TEMPLATE }],
  ['batch/CronJob', { podSpec: ['spec', 'jobTemplate', ...TEMPLATE] }],
]);

/** The row of a kind, or `undefined` for a kind without a pod spec. */
export function workloadOf({ group, kind }: ObjectKind): Workload | undefined {
  return WORKLOADS.get(`${group}/${kind}`);
}

/** Whether objects of this kind carry a pod spec, and so images. */
export function isWorkload(kind: ObjectKind): boolean {
  return workloadOf(kind) !== undefined;
}
