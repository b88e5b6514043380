import type { KubeObject, ObjectAddress, Written } from '../../../src/clients/kubernetes/types.ts';
import { applyFields, disown } from './cluster-apply.ts';
import { isJson, jsonPatch, mergePatch, omit, type Json } from './cluster-json.ts';
import type { Store, Stored } from './cluster-store.ts';

/** A refusal by the API server. */
export type No = Extract<Written, { readonly ok: false }>;
/** The object to store, or the refusal. */
export type Planned = { readonly ok: true; readonly next: Stored } | No;

/** Kinds whose status, if they have one, is an ordinary field. */
const KINDS_WITHOUT_STATUS = new Set(['Secret', 'ConfigMap', 'Lease', 'Event', 'ServiceAccount']);

/** A refusal in the format of the API server. */
export function no(status: number, reason: string, message: string): No {
  return { ok: false, status, reason, message, warnings: [] };
}

export function planCreate(store: Store, address: ObjectAddress, given: Json): Planned {
  const wrong = wrongWith(address, given);
  if (wrong) return wrong;
  if (store.read(address))
    return no(409, 'AlreadyExists', `${address.resource.plural} "${address.name}" already exists`);
  return {
    ok: true,
    next: { object: named(address, partOf(undefined, given, undefined)), owners: new Map() },
  };
}

export function planReplace(store: Store, address: ObjectAddress, given: Json): Planned {
  const stored = store.read(address);
  if (!stored) return notFound(address);
  const version = isJson(given.metadata) ? given.metadata.resourceVersion : undefined;
  // As of 1.36 the API server replaces objects of these groups unconditionally, and no others.
  if (version === undefined && !['', 'apps'].includes(address.resource.group)) {
    return no(422, 'Invalid', 'metadata.resourceVersion: Invalid value: 0: must be specified for an update');
  }
  return planUpdate(stored, address, given);
}

export function planPatch(store: Store, address: ObjectAddress, patch: object): Planned {
  const stored = store.read(address);
  if (!stored) return notFound(address);
  const patched = Array.isArray(patch) ? jsonPatch(stored.object, patch) : mergePatch(stored.object, patch);
  if (!isJson(patched))
    return no(422, 'Invalid', 'the server rejected our request due to an error in our request');
  return planUpdate(stored, address, patched);
}

export function planApply(store: Store, address: ObjectAddress, given: Json, fieldManager: string): Planned {
  const stored = store.read(address);
  if (!stored && address.subresource !== undefined) return notFound(address);
  const wrong = wrongWith(address, given) ?? (stored && conflict(stored, address, given));
  if (wrong) return wrong;
  const { object: before, owners } = stored ?? { object: {}, owners: new Map<string, ReadonlySet<string>>() };
  const { subresource = '' } = address;
  const own = subresource === 'status' ? pick(given, ['apiVersion', 'kind', 'status']) : withoutStatus(given);
  const next = applyFields(before, own, { manager: `${fieldManager} ${subresource}`, owners });
  return { ok: true, next: { ...next, object: named(address, next.object) } };
}

function planUpdate(stored: Stored, address: ObjectAddress, given: Json): Planned {
  const wrong = wrongWith(address, given) ?? conflict(stored, address, given);
  if (wrong) return wrong;
  const object = named(address, partOf(stored.object, given, address.subresource));
  return { ok: true, next: { object, owners: disown(stored.owners, stored.object, object) } };
}

function wrongWith(address: ObjectAddress, { apiVersion, kind, metadata }: Json): No | undefined {
  const { group, version } = address.resource;
  if (apiVersion !== (group === '' ? version : `${group}/${version}`) || typeof kind !== 'string') {
    return no(400, 'BadRequest', 'the API version or kind in the data does not match the expected one');
  }
  if (!isJson(metadata))
    return no(422, 'Invalid', 'metadata.name: Required value: name or generateName is required');
  const { name = address.name, namespace = address.namespace } = metadata;
  return name === address.name && namespace === address.namespace
    ? undefined
    : no(400, 'BadRequest', 'the name or namespace of the object does not match that of the URL');
}

function conflict({ object }: Stored, { resource, name }: ObjectAddress, { metadata }: Json): No | undefined {
  const { resourceVersion, uid } = isJson(metadata) ? metadata : {};
  const fits =
    [undefined, object.metadata.resourceVersion].includes(resourceVersion as string | undefined) &&
    [undefined, object.metadata.uid].includes(uid as string | undefined);
  if (fits) return undefined;
  return no(
    409,
    'Conflict',
    `Operation cannot be fulfilled on ${resource.plural} "${name}": the object has been modified`,
  );
}

function notFound({ resource, name }: ObjectAddress): No {
  return no(404, 'NotFound', `${resource.plural} "${name}" not found`);
}

/** Writes to `status` change nothing else, and other writes do not change the status. */
function partOf(stored: KubeObject | undefined, given: Json, subresource: string | undefined): KubeObject {
  if (stored && subresource === 'status') return { ...stored, status: given.status };
  const rest = withoutStatus(given) as KubeObject;
  const status = rest.status ?? stored?.status;
  return status === undefined ? rest : { ...rest, status };
}

function withoutStatus(given: Json): Json {
  return KINDS_WITHOUT_STATUS.has(String(given.kind)) ? given : omit(given, 'status');
}

function named({ name, namespace }: ObjectAddress, object: Json): KubeObject {
  const metadata = isJson(object.metadata) ? omit(object.metadata, 'resourceVersion') : {};
  return {
    ...(object as KubeObject),
    metadata: { ...metadata, name, ...(namespace !== undefined && { namespace }) },
  };
}

function pick(object: Json, keys: readonly string[]): Json {
  return Object.fromEntries(Object.entries(object).filter(([key]) => keys.includes(key)));
}
