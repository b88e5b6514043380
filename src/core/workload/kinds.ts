import { isObject, objectOf, parsed, problem, textOf, type Parsed, type Problem } from '../model/index.ts';

/** The kind that an object names; core kinds have the group `''`. The version is ignored: images are in the same fields in all. */
export interface ObjectKind {
  readonly group: string;
  readonly version?: string;
  readonly kind: string;
}

/** A kind that carries a pod spec. */
export interface Workload {
  /** Steps from the object to its pod spec. */
  readonly podSpec: readonly string[];
  /** Those of the steps that the API allows to be absent: then there is no pod spec, and so no image. */
  readonly optional?: readonly string[];
  /** Steps to the number that says how many pods there shall be. */
  readonly replicas?: readonly string[];
  /** Images of the template that stand for one that is filled in before there is a container; absent for a Pod. */
  readonly placeholders?: ReadonlySet<string>;
}

/** A custom kind that carries a pod spec, as the settings write it: paths are steps with dots between. */
export interface CustomKind {
  readonly apiGroup: string;
  readonly kind: string;
  readonly podSpec: string;
  readonly replicas?: string | undefined;
}

/** One document of a file; `origin` is the path, with `#2` for the second document. */
interface FileDocument {
  readonly origin: string;
  readonly value: unknown;
}

/**
 * Whether a document is the instruction of kustomize for its folder. It needs neither apiVersion nor kind, so the name of the file
 * says it. The name is not enough: kubectl applies a Deployment in a file of that name like any other.
 */
export function isKustomization({ origin, value }: FileDocument): boolean {
  const { apiVersion, kind } = objectOf(value);
  if (kind !== undefined || apiVersion !== undefined)
    return kind === 'Kustomization' && textOf(apiVersion).startsWith('kustomize.config.k8s.io/');
  return /(?:^|\/)kustomization\.ya?ml(?:#\d+)?$/.test(origin);
}

/** Every kind with a pod spec, by `group/kind`. */
export type WorkloadTable = ReadonlyMap<string, Workload>;

const TEMPLATE = ['spec', 'template', 'spec'];
const SCALED = { podSpec: TEMPLATE, replicas: ['spec', 'replicas'] };

/** The kinds with a pod spec that Kubernetes has. */
export const KUBERNETES_WORKLOADS: WorkloadTable = new Map<string, Workload>([
  ['/Pod', { podSpec: ['spec'] }],
  ['/PodTemplate', { podSpec: ['template', 'spec'], optional: ['template'] }],
  ['/ReplicationController', { ...SCALED, optional: ['template'] }],
  ['apps/Deployment', SCALED],
  ['apps/ReplicaSet', SCALED],
  ['apps/StatefulSet', SCALED],
  ['apps/DaemonSet', { podSpec: TEMPLATE }],
  ['batch/Job', { podSpec: TEMPLATE }],
  ['batch/CronJob', { podSpec: ['spec', 'jobTemplate', ...TEMPLATE] }],
]);

/**
 * The kinds of Kubernetes and these. A kind that is known already is a problem (`workloadKinds[2]`): a second place for its
 * pod spec would hide the first. `placeholders` are images that templates may name in place of one that is filled in later, such as
 * Istio's `auto`; a Pod names what the node pulls, so that in a Pod they are images like any other.
 */
export function workloadTable(
  custom: readonly CustomKind[],
  placeholders: readonly string[] = [],
): Parsed<WorkloadTable> {
  const table = new Map(KUBERNETES_WORKLOADS);
  const problems: Problem[] = [];
  for (const [index, { apiGroup, kind, podSpec, replicas }] of custom.entries()) {
    const name = `${apiGroup}/${kind}`;
    if (table.has(name)) problems.push({ path: `workloadKinds[${index}]`, message: 'is known already' });
    const scales = replicas === undefined ? {} : { replicas: replicas.split('.') };
    const steps = podSpec.split('.');
    // Their schemas are their own: many allow a reference to another object in place of a template.
    table.set(name, { podSpec: steps, optional: steps, ...scales });
  }
  if (problems.length > 0) return { ok: false, problems };
  if (placeholders.length === 0) return parsed(table);
  const known = new Set(placeholders);
  for (const [name, row] of table) if (name !== '/Pod') table.set(name, { ...row, placeholders: known });
  return parsed(table);
}

/** The row of a kind, or `undefined` for a kind without a pod spec. */
export function workloadOf({ group, kind }: ObjectKind, table: WorkloadTable): Workload | undefined {
  return table.get(`${group}/${kind}`);
}

/** Whether objects of this kind carry a pod spec, and so images. */
export function isWorkload(kind: ObjectKind, table: WorkloadTable = KUBERNETES_WORKLOADS): boolean {
  return workloadOf(kind, table) !== undefined;
}

/**
 * Whether any kind of an API group counts its pods: what scales in another group (by its `scale` subresource, which names
 * no kind) runs no image that is known here.
 */
export function scalesIn(group: string, table: WorkloadTable = KUBERNETES_WORKLOADS): boolean {
  return [...table].some(([name, { replicas }]) => replicas !== undefined && name.startsWith(`${group}/`));
}

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
  const above = steps.slice(0, -1);
  const fields = above.reduce((inner, step) => (isObject(inner) ? inner[step] : undefined), object);
  return isObject(fields) ? countOf(fields[steps.at(-1) ?? ''] ?? DEFAULT_REPLICAS) : undefined;
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
  return Number.isSafeInteger(replicas) && Number(replicas) >= 0 ? Number(replicas) : undefined;
}

/** A JSON object whose fields are not validated yet. */
export type Fields = Readonly<Record<string, unknown>>;

/** A list field of the object at `path`; absent and `null` are both "none", as for the API server. */
export function listAt(fields: Fields, name: string, path: string): Parsed<readonly unknown[]> {
  const value = fields[name] ?? [];
  return Array.isArray(value)
    ? parsed<readonly unknown[]>(value)
    : problem(`${path}.${name}`, 'is not a list');
}

/** A text field of the object at `path`; absent and `null` are both the empty text, as for the API server. */
export function textAt(fields: Fields, name: string, path: string): Parsed<string> {
  const value = fields[name] ?? '';
  return typeof value === 'string' ? parsed(value) : problem(`${path}.${name}`, 'is not a text');
}

/** The pod spec of an object; `undefined` where the kind allows that there is none. */
export function podSpecOf(object: unknown, { podSpec, optional = [] }: Workload): Parsed<Fields | undefined> {
  let fields = object;
  for (const [depth, step] of podSpec.entries()) {
    if (!isObject(fields)) return problem(podSpec.slice(0, depth).join('.'), 'is not an object');
    fields = fields[step];
    if ((fields === undefined || fields === null) && optional.includes(step)) return parsed(undefined);
  }
  return isObject(fields) ? parsed(fields) : problem(podSpec.join('.'), 'is not an object');
}
