import { isObject, listOf, parsed, problem, type Parsed } from '../model/index.ts';
import { KUBERNETES_WORKLOADS, workloadOf, type ObjectKind, type WorkloadTable } from './kinds.ts';

/** What is kept of a value: a scalar, a list, or fields of an object. What has another type stays, empty, and is as wrong. */
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
  const { podSpec, replicas = [] } = workloadOf(kind, table) ?? { podSpec: [] };
  const shapes: readonly Shape[] = [
    { kind: 'scalar', spec: { replicas: 'scalar' } },
    metadataOf(object),
    under(podSpec, POD_SPEC),
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
  return steps.length === 0 ? {} : steps.reduceRight<Shape>((inner, step) => ({ [step]: inner }), shape);
}

function joined(one: Shape, other: Shape): Shape {
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
    room.elements -= value.length;
    if (room.elements < 0) throw new TooMany(path);
    return listOf(value).map((element) => reduced(element, shape[0] as Shape, path, room));
  }
  if (!isObject(value)) return value;
  if (shape === 'scalar' || Array.isArray(shape)) return {};
  const at = path === '' ? '' : `${path}.`;
  const kept = Object.entries(shape).filter(([field]) => Object.hasOwn(value, field));
  return Object.fromEntries(
    kept.map(([field, inner]) => [field, reduced(value[field], inner, `${at}${field}`, room)]),
  );
}
