import { isObject, objectOf, parsed, problem, textOf, type Parsed, type Problem } from '../model/index.ts';

/** The kind that an object names; core kinds have the group `''`. The version is ignored: images are in the same fields in all. */
export interface ObjectKind {
  readonly group: string;
  readonly version?: string;
  readonly kind: string;
}

/** Steps into an object. `*` stands for every field of an object, `[*]` for every element of a list. */
export type Steps = readonly string[];

/** A kind that carries pod specs, or images in fields of its own. */
export interface Workload {
  /** Steps from the object to its pod specs. */
  readonly podSpecs: readonly Steps[];
  /** Steps to texts that are images by themselves. */
  readonly images?: readonly Steps[];
  /** Those of the steps that the API allows to be absent: then there is no pod spec, and so no image. Of a custom kind all may be. */
  readonly optional: readonly string[] | 'all';
  /** Steps to the number that says how many pods there shall be. */
  readonly replicas?: readonly string[];
  /** Images of the template that stand for one that is filled in before there is a container; absent for a Pod. */
  readonly placeholders?: ReadonlySet<string>;
}

/** A custom kind that carries images, as the settings write it: paths such as `spec.tasks[*].steps[*].image` or `spec.roles.*.template.spec`. */
export interface CustomKind {
  readonly apiGroup: string;
  readonly kind: string;
  readonly podSpec?: string | undefined;
  readonly podSpecs?: readonly string[];
  readonly images?: readonly string[];
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
const SCALED = { podSpecs: [TEMPLATE], replicas: ['spec', 'replicas'], optional: [] };

/** The kinds with a pod spec that Kubernetes has. */
export const KUBERNETES_WORKLOADS: WorkloadTable = new Map<string, Workload>([
  ['/Pod', { podSpecs: [['spec']], optional: [] }],
  ['/PodTemplate', { podSpecs: [['template', 'spec']], optional: ['template'] }],
  ['/ReplicationController', { ...SCALED, optional: ['template'] }],
  ['apps/Deployment', SCALED],
  ['apps/ReplicaSet', SCALED],
  ['apps/StatefulSet', SCALED],
  ['apps/DaemonSet', { podSpecs: [TEMPLATE], optional: [] }],
  ['batch/Job', { podSpecs: [TEMPLATE], optional: [] }],
  ['batch/CronJob', { podSpecs: [['spec', 'jobTemplate', ...TEMPLATE]], optional: [] }],
]);

/** Fields of every object that hold no image. */
const NO_PLACES: ReadonlySet<string> = new Set(['*', 'apiVersion', 'kind', 'metadata', 'status']);
/** Lists of a pod spec that hold images. */
const POD_LISTS: ReadonlySet<string> = new Set([
  ...['containers', 'initContainers', 'ephemeralContainers', 'volumes'],
]);

/** The steps of a path such as `spec.steps[*].image`. */
function stepsOf(path: string): Steps {
  return path.replaceAll('[*]', '.[*]').split('.');
}

/** Why a path can lead to no pod spec, or no image, in any object; `undefined` = it can. */
function misplaced(steps: Steps, what: 'podSpec' | 'image'): string | undefined {
  const [first = '', last = ''] = [steps[0], steps.findLast((step) => !step.startsWith('['))];
  if (NO_PLACES.has(first)) return `can match nothing: a path begins with a field of the kind, such as spec`;
  if (!POD_LISTS.has(last)) return undefined;
  if (what === 'podSpec')
    return `can match nothing: "${last}" stands in a pod spec, whose path ends before it`;
  return `can match nothing: elements of "${last}" are no images; name the field in them, such as ${last}[*].image`;
}

/** The places of a custom kind. `path` names its settings for problems. */
function placesOf(
  { podSpec, podSpecs = [], images = [] }: CustomKind,
  path: string,
  problems: Problem[],
): Pick<Workload, 'podSpecs' | 'images'> {
  const written = [
    ...(podSpec === undefined ? [] : [{ at: 'podSpec', text: podSpec, what: 'podSpec' as const }]),
    ...podSpecs.map((text, index) => ({ at: `podSpecs[${index}]`, text, what: 'podSpec' as const })),
    ...images.map((text, index) => ({ at: `images[${index}]`, text, what: 'image' as const })),
  ];
  for (const [index, { at, text, what }] of written.entries()) {
    const earlier = written.slice(0, index);
    const around = written.find((one) => one.what === 'podSpec' && isBelow(text, one.text));
    const message =
      misplaced(stepsOf(text), what) ??
      (earlier.some((one) => one.text === text) ? 'is listed before' : undefined) ??
      (around && `lies in the pod spec ${around.text}, whose images are found without it`);
    if (message !== undefined) problems.push({ path: `${path}.${at}`, message });
  }
  const of = (kind: 'podSpec' | 'image'): readonly Steps[] =>
    written.filter(({ what }) => what === kind).map(({ text }) => stepsOf(text));
  return { podSpecs: of('podSpec'), images: of('image') };
}

function isBelow(text: string, podSpec: string): boolean {
  return text.startsWith(`${podSpec}.`);
}

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
  for (const [index, one] of custom.entries()) {
    const { apiGroup, kind, replicas } = one;
    const [name, path] = [`${apiGroup}/${kind}`, `workloadKinds[${index}]`];
    if (table.has(name)) problems.push({ path, message: 'is known already' });
    const scales = replicas === undefined ? {} : { replicas: replicas.split('.') };
    // Their schemas are their own: many allow a reference to another object in place of a template.
    table.set(name, { ...placesOf(one, path, problems), optional: 'all', ...scales });
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

/** A value in an object, and the path by which problems and patches name it. */
export interface Place {
  readonly path: string;
  readonly value: unknown;
}

/** Most values that the paths of one kind lead through in an object: real ones have hundreds. */
const MAX_PLACES = 10_000;

/** A field or element in a path; a field name with other characters than plain ones is quoted. */
function joinPath(path: string, field: string): string {
  if (!/^[A-Za-z0-9_-]+$/.test(field)) return `${path}[${JSON.stringify(field)}]`;
  return path === '' ? field : `${path}.${field}`;
}

/** What a wildcard stands for in a value; `undefined` where the value is of another type. */
function insideOf(value: unknown, step: string, path: string): readonly Place[] | undefined {
  if (step === '[*]')
    return Array.isArray(value)
      ? value.map((element, index) => ({ path: `${path}[${index}]`, value: element as unknown }))
      : undefined;
  if (!isObject(value)) return undefined;
  const fields = step === '*' ? Object.keys(value) : [step];
  return fields.map((field) => ({
    path: joinPath(path, field),
    value: Object.hasOwn(value, field) ? value[field] : undefined,
  }));
}

/** Everything that steps lead to in an object. What may be absent, and is, leads to nothing; what has another type is a problem. */
function follow(object: unknown, steps: Steps, optional: Workload['optional']): Parsed<readonly Place[]> {
  let places: readonly Place[] = [{ path: '', value: object }];
  for (const step of steps) {
    const next: Place[] = [];
    for (const { path, value } of places) {
      const inside = insideOf(value, step, path);
      if (!inside) return problem(path, step === '[*]' ? 'is not a list' : 'is not an object');
      if (next.length + inside.length > MAX_PLACES) return problem(path, 'has too many elements');
      next.push(...inside.filter((one) => !isLeftOut(one.value, step, optional)));
    }
    places = next;
  }
  return parsed(places);
}

function isLeftOut(value: unknown, step: string, optional: Workload['optional']): boolean {
  return (value === undefined || value === null) && (optional === 'all' || optional.includes(step));
}

/** The pod specs of an object; none where the kind allows that there is none. */
export function podSpecsOf(
  object: unknown,
  { podSpecs, optional }: Workload,
): Parsed<readonly { readonly path: string; readonly fields: Fields }[]> {
  const all: { path: string; fields: Fields }[] = [];
  for (const steps of podSpecs) {
    const found = follow(object, steps, optional);
    if (!found.ok) return found;
    for (const { path, value } of found.value) {
      if (!isObject(value)) return problem(path, 'is not an object');
      all.push({ path, fields: value });
    }
  }
  return parsed(all);
}

/** The images of an object that stand in fields of their own. */
export function ownImagesOf(
  object: unknown,
  { images = [], optional }: Workload,
): Parsed<readonly { readonly path: string; readonly image: string }[]> {
  const all: { path: string; image: string }[] = [];
  for (const steps of images) {
    const found = follow(object, steps, optional);
    if (!found.ok) return found;
    for (const { path, value } of found.value) {
      if (typeof value !== 'string') return problem(path, 'is not a text');
      all.push({ path, image: value });
    }
  }
  return parsed(all);
}
