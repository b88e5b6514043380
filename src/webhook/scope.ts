import type { ObjectAddress } from '../clients/kubernetes/index.ts';
import type { Credentials } from '../core/evidence/index.ts';
import { parsed, problem, type Parsed } from '../core/model/index.ts';
import { changedImages, extractImages, isWorkload, pullSecretsOf } from '../core/workload/index.ts';
import { replicasOf, scaleReplicas, scalesIn } from '../core/workload/index.ts';
import type { ImageUse, WorkloadTable } from '../core/workload/index.ts';
import type { AdmissionRequest } from './decode.ts';

type Uses = readonly ImageUse[];

export type Scope =
  | { readonly brings: 'nothing' }
  | { readonly brings: 'images'; readonly images: Uses; readonly credentials: Credentials }
  /** More pods of an object that is not in the request. */
  | { readonly brings: 'replicas'; readonly parent: ObjectAddress };

/** The one subresource through which images arrive: `kubectl debug` adds ephemeral containers there. */
const IMAGE_SUBRESOURCES: ReadonlySet<string> = new Set(['', 'ephemeralcontainers']);

const NOTHING: Parsed<Scope> = parsed({ brings: 'nothing' });

/**
 * Which images of a request have to be judged; none when it brings none in. On UPDATE of a pod these are the new or changed
 * ones; a template is judged whole when any image of it changes or its replicas rise, also by the `scale` subresource; anything
 * else (labels, finalizers, scaling down, status) passes, so that what is wrong already can still be repaired and removed.
 * Whether an object is being deleted plays no part (CVE-2023-34091). Problems mean that the object could not be read.
 */
export function scopeOf(request: AdmissionRequest, table: WorkloadTable): Parsed<Scope> {
  const { operation, subResource, kind, object } = request;
  if (operation !== 'CREATE' && operation !== 'UPDATE') return NOTHING;
  if (subResource === 'scale') return scaleScope(request, table);
  if (!IMAGE_SUBRESOURCES.has(subResource) || !isWorkload(kind, table)) return NOTHING;
  if (isMissing(object)) return problem('request.object', `is missing in a ${operation}`);
  const images = extractImages(object, kind, table);
  if (!images.ok) return images;
  const wanted = operation === 'UPDATE' ? newImages(request, images.value, table) : images.value;
  return imageScope(request, wanted, table);
}

/** What an object brings that is to run as it stands, all of it. */
export function wholeScope(object: unknown, request: AdmissionRequest, table: WorkloadTable): Parsed<Scope> {
  const images = extractImages(object, request.kind, table);
  return images.ok ? imageScope({ ...request, object }, images.value, table) : images;
}

function imageScope(request: AdmissionRequest, images: Uses, table: WorkloadTable): Parsed<Scope> {
  const { object, kind, namespace } = request;
  if (images.length === 0) return NOTHING;
  const logins = pullSecretsOf(object, kind, table);
  if (!logins.ok) return logins;
  return parsed({ brings: 'images', images, credentials: { namespace, ...logins.value } });
}

function newImages(request: AdmissionRequest, images: Uses, table: WorkloadTable): Uses {
  const { kind, oldObject } = request;
  const before = extractImages(oldObject, kind, table);
  // Without a readable old object nothing can be called unchanged.
  if (!before.ok) return images;
  const changed = changedImages(images, before.value);
  if (isPod(request)) return changed;
  return changed.length > 0 || startsMore(request, table) ? images : [];
}

/** Those of the images that the request brings: all on CREATE, on UPDATE those that are new or changed. */
export function broughtBy(request: AdmissionRequest, images: Uses, table: WorkloadTable): Uses {
  if (request.operation !== 'UPDATE') return images;
  const before = extractImages(request.oldObject, request.kind, table);
  return before.ok ? changedImages(images, before.value) : images;
}

/** Whether a request is about a Pod, not about a custom kind of that name. */
export function isPod({ kind }: AdmissionRequest): boolean {
  return kind.group === '' && kind.kind === 'Pod';
}

/** An object that is made with no replicas and scaled up later would otherwise run images that were not judged. */
function startsMore({ kind, object, oldObject }: AdmissionRequest, table: WorkloadTable): boolean {
  const [now, before] = [replicasOf(object, kind, table), replicasOf(oldObject, kind, table)];
  return now !== undefined && (before === undefined || now > before);
}

/** A `Scale` has a number and no images: the images are in the object that it scales. */
function scaleScope(request: AdmissionRequest, table: WorkloadTable): Parsed<Scope> {
  const { operation, resource, namespace, name, object, oldObject } = request;
  if (resource === undefined) return problem('request.resource', 'is missing');
  if (!scalesIn(resource.group, table)) return NOTHING;
  if (isMissing(object)) return problem('request.object', `is missing in a ${operation}`);
  const now = scaleReplicas(object);
  if (now === undefined) return problem('spec.replicas', 'is not a count');
  // An old count that cannot be read is taken for the lowest.
  if (now <= (scaleReplicas(oldObject) ?? 0)) return NOTHING;
  const { group, version, resource: plural } = resource;
  const parent = { resource: { group, version, plural }, ...(namespace !== '' && { namespace }), name };
  return parsed({ brings: 'replicas', parent });
}

function isMissing(object: unknown): boolean {
  return object === undefined || object === null;
}
