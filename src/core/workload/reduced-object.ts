import { isObject, listOf, parsed, problem, type Parsed } from '../model/index.ts';
import { KUBERNETES_WORKLOADS, workloadOf, type ObjectKind, type WorkloadTable } from './kinds.ts';

/** What is kept of a value: a scalar, a list, or fields of an object, `*` for all of them. What has another type stays, empty, and is as wrong. */
type Shape = 'scalar' | readonly [Shape] | { readonly [field: string]: Shape };

const CONTAINERS: Shape = [{ name: 'scalar', image: 'scalar', imagePullPolicy: 'scalar' }];
/** All that this room reads of a pod spec. */
const POD_SPEC: Shape = {
  containers: CONTAINERS,
  initContainers: CONTAINERS,
  ephemeralContainers: CONTAINERS,
  volumes: [{ name: 'scalar', image: { reference: 'scalar', pullPolicy: 'scalar' } }],
  imagePullSecrets: [{ name: 'scalar' }],
  serviceAccountName: 'scalar',
  serviceAccount: 'scalar',
};

const STATUSES: Shape = [{ name: 'scalar', imageID: 'scalar', containerID: 'scalar' }];
/** What is read of a status: what a pod runs, and whether a Job has ended. */
const STATUS: Shape = {
  phase: 'scalar',
  conditions: [{ type: 'scalar', status: 'scalar' }],
  containerStatuses: STATUSES,
  initContainerStatuses: STATUSES,
  ephemeralContainerStatuses: STATUSES,
};

/** Most elements of all lists of a pod spec in a large object: real pods have tens, and copying so many takes some milliseconds. */
const MAX_ELEMENTS = 5_000;
/** Most annotations that are kept of a large object: real ones have tens. */
const MAX_ANNOTATIONS = 1_000;

/**
 * A large object without what is not read of it: images, pull secrets, replicas, kind and annotations are the same in it. Very many
 * annotations are left out with all of its metadata. Lists of too many elements are a problem with the field path of the last.
 */
export function reducedObject(
  object: unknown,
  kind: ObjectKind,
  table: WorkloadTable = KUBERNETES_WORKLOADS,
): Parsed<unknown> {
  const { podSpecs, images = [], replicas = [] } = workloadOf(kind, table) ?? { podSpecs: [] };
  const shapes: readonly Shape[] = [
    { kind: 'scalar', spec: { replicas: 'scalar' }, status: STATUS },
    metadataOf(object),
    ...podSpecs.map((steps) => under(steps, POD_SPEC)),
    ...images.map((steps) => under(steps, 'scalar')),
    under(replicas, 'scalar'),
  ];
  try {
    return parsed(reduced(object, shapes.reduce(joined), '', { elements: MAX_ELEMENTS }));
  } catch (error) {
    if (error instanceof TooMany)
      return problem(error.message, `has too many elements: ${MAX_ELEMENTS} are read of one object`);
    throw error;
  }
}

/** Its message is the path of the list. */
class TooMany extends Error {}

/** Nothing below a place without steps is kept. */
function under(steps: readonly string[], shape: Shape): Shape {
  const around = (inner: Shape, step: string): Shape => (step === '[*]' ? [inner] : { [step]: inner });
  return steps.length === 0 ? {} : steps.reduceRight<Shape>(around, shape);
}

function joined(one: Shape, other: Shape): Shape {
  if (Array.isArray(one) && Array.isArray(other)) return [joined(one[0] as Shape, other[0] as Shape)];
  if (!isObject(one) || !isObject(other)) return isObject(one) ? other : one;
  const both = Object.entries(other).map(
    ([field, shape]) => [field, Object.hasOwn(one, field) ? joined(one[field] ?? {}, shape) : shape] as const,
  );
  return { ...one, ...Object.fromEntries(both) };
}

function metadataOf(object: unknown): Shape {
  const metadata = isObject(object) && isObject(object.metadata) ? object.metadata : {};
  if (!isObject(metadata.annotations)) return { metadata: { annotations: 'scalar' } };
  const keys = Object.keys(metadata.annotations);
  // Without its annotations alone it would seem to have none.
  if (keys.length > MAX_ANNOTATIONS) return {};
  return { metadata: { annotations: Object.fromEntries(keys.map((key) => [key, 'scalar' as const])) } };
}

/** What may still be kept. */
interface Room {
  elements: number;
}

function reduced(value: unknown, shape: Shape, path: string, room: Room): unknown {
  if (Array.isArray(value)) {
    if (!Array.isArray(shape)) return [];
    take(room, value.length, path);
    return listOf(value).map((element) => reduced(element, shape[0] as Shape, path, room));
  }
  if (!isObject(value)) return value;
  if (!isObject(shape)) return {};
  const kept = Object.keys('*' in shape ? value : shape).filter((field) => Object.hasOwn(value, field));
  if ('*' in shape) take(room, kept.length, path);
  const at = path === '' ? '' : `${path}.`;
  return Object.fromEntries(
    kept.map((field) => [field, reduced(value[field], shapeAt(shape, field), `${at}${field}`, room)]),
  );
}

function take(room: Room, elements: number, path: string): void {
  room.elements -= elements;
  if (room.elements < 0) throw new TooMany(path);
}

/** What is kept of a field: as its own name says, and as the wildcard says. */
function shapeAt(shape: Readonly<Record<string, unknown>>, field: string): Shape {
  const shapes = [...new Set([field, '*'])].filter((name) => Object.hasOwn(shape, name));
  return shapes.map((name) => shape[name] as Shape).reduce(joined, {});
}
