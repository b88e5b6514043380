import { definedFields, isObject, listOf, objectOf, parseJson, textOf } from '../model/index.ts';
import { isWorkload, type ObjectKind } from './kinds.ts';
import { reducedObject } from './reduced-object.ts';

/**
 * Most values of an object that is kept whole: a run with all its images has a few thousand. Copying so many from one thread to
 * another takes four milliseconds.
 */
const MAX_OBJECT_VALUES = 10_000;
/** Most values of the metadata of an object that is kept whole: real ones have tens. */
const MAX_METADATA_VALUES = 300;
/** Most values of all objects of a page: a hundred reduced pods have four thousand. */
const MAX_PAGE_VALUES = 20_000;
/** Levels that are counted; what is deeper counts as too many values. */
const MAX_LEVELS = 100;
/** Most owners and writers that are kept of one object: real ones have a few. */
const MAX_OWNERS = 100;
const MAX_WRITERS = 20;

/** A large answer of the API server without what is not read of it; `excess` = a page of objects that are too large together. */
export type LargeAnswer =
  { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly excess: true };

/**
 * Reads JSON of the API server: an object, a list or an event of a watch. To be called on a thread: what it answers is copied to the
 * main thread in a few milliseconds, whatever was written into the objects. Of a workload is kept what {@link reducedObject} keeps; of
 * other objects everything, but from managed fields only who wrote the `spec`. One that has too many values for that is cut: it is its
 * metadata without labels and annotations, and has the field `isCut`.
 */
export function parseLargeAnswer(json: string): LargeAnswer {
  const value = parseJson(json);
  if (!isObject(value)) return { ok: true, value };
  const { apiVersion, kind, items, type, object } = value;
  if (kind === undefined && isObject(object)) return { ok: true, value: { type, object: cut(object) } };
  // A list has no name; an object with a field of this name has one.
  if (!Array.isArray(items) || objectOf(value.metadata).name !== undefined)
    return { ok: true, value: cut(value) };
  const defaults = { apiVersion, kind: textOf(kind).replace(/List$/, '') };
  const kept = listOf(items).map((item) => (isObject(item) ? cut({ ...defaults, ...item }) : item));
  const isExcess = kept.length > 1 && left(kept, MAX_PAGE_VALUES) < 0;
  return isExcess ? { ok: false, excess: true } : { ok: true, value: { ...value, items: kept } };
}

type Fields = Readonly<Record<string, unknown>>;

/** An object that is small enough to be copied. */
function cut(object: Fields): Fields {
  const metadata = objectOf(object.metadata);
  const kind = kindOf(object);
  if (isWorkload(kind)) {
    const reduced = reducedObject(object, kind);
    if (!reduced.ok) return cutOff(object);
    const fields = objectOf(reduced.value);
    const ownerReferences = listOf(metadata.ownerReferences).slice(0, MAX_OWNERS);
    const owners = left(ownerReferences, MAX_METADATA_VALUES) < 0 ? {} : { ownerReferences };
    const kept = { ...named(metadata), ...objectOf(fields.metadata), ...owners };
    return { ...fields, apiVersion: object.apiVersion, metadata: kept };
  }
  const kept = { ...metadata, managedFields: writersIn(metadata.managedFields) };
  const whole = { ...object, metadata: kept };
  const isSmall = left(kept, MAX_METADATA_VALUES) >= 0 && left(whole, MAX_OBJECT_VALUES) >= 0;
  return isSmall ? whole : cutOff(object);
}

function cutOff({ apiVersion, kind, metadata }: Fields): Fields {
  return { apiVersion, kind, metadata: named(objectOf(metadata)), isCut: true };
}

/** The metadata that the API server writes itself. */
function named(metadata: Fields): Fields {
  const { name, namespace, uid, resourceVersion, generation, creationTimestamp, deletionTimestamp } =
    metadata;
  return definedFields({
    ...{ name, namespace, uid, resourceVersion, generation, creationTimestamp, deletionTimestamp },
  });
}

function kindOf({ apiVersion, kind }: Fields): ObjectKind {
  const [group = '', version] = textOf(apiVersion).split('/');
  return version === undefined ? { group: '', kind: textOf(kind) } : { group, kind: textOf(kind) };
}

/** Who wrote the `spec`, the last ones first: not which of its fields. */
function writersIn(managedFields: unknown): readonly Fields[] {
  return listOf(managedFields)
    .map(objectOf)
    .filter(({ fieldsV1 }) => objectOf(fieldsV1)['f:spec'] !== undefined)
    .map(({ manager, operation, time }) => ({ manager, operation, time, fieldsV1: { 'f:spec': {} } }))
    .toSorted((a, b) => (textOf(a.time) < textOf(b.time) ? 1 : -1))
    .slice(0, MAX_WRITERS);
}

/** What is left of so many values behind all of those in a value; below zero where they are more, or nested too deeply. */
function left(value: unknown, room: number, level = 0): number {
  if (room < 0 || level > MAX_LEVELS) return -1;
  if (typeof value !== 'object' || value === null) return room - 1;
  let rest = room - 1;
  for (const inner of Object.values(value)) {
    rest = left(inner, rest, level + 1);
    if (rest < 0) return rest;
  }
  return rest;
}
