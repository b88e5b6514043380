import { parsed, problem, type Parsed } from '../../core/model/index.ts';
import {
  changedImages,
  extractImages,
  isWorkload,
  replicasOf,
  type ImageUse,
} from '../../core/workload/index.ts';
import type { AdmissionRequest } from './decode.ts';

/** The one subresource through which images arrive: `kubectl debug` adds ephemeral containers there. */
const IMAGE_SUBRESOURCES: ReadonlySet<string> = new Set(['', 'ephemeralcontainers']);

/**
 * Which images of a request have to be judged; none when it brings none in. On UPDATE of a pod these are the new or
 * changed ones; a template is judged whole when any image of it changes or its replicas rise; anything else (labels,
 * finalizers, scaling down, status) passes, so that what is wrong already can still be repaired and removed. Whether an
 * object is being deleted plays no part (CVE-2023-34091). Problems mean that the object could not be read.
 */
export function imagesToJudge(request: AdmissionRequest): Parsed<readonly ImageUse[]> {
  const { operation, kind, object } = request;
  if (!bringsImages(request)) return parsed([]);
  if (object === undefined || object === null)
    return problem('request.object', `is missing in a ${operation}`);
  const images = extractImages(object, kind);
  return images.ok && operation === 'UPDATE' ? parsed(newImages(request, images.value)) : images;
}

function bringsImages({ operation, subResource, kind }: AdmissionRequest): boolean {
  const writes = operation === 'CREATE' || operation === 'UPDATE';
  return writes && IMAGE_SUBRESOURCES.has(subResource) && isWorkload(kind);
}

function newImages(request: AdmissionRequest, images: readonly ImageUse[]): readonly ImageUse[] {
  const before = extractImages(request.oldObject, request.kind);
  // Without a readable old object nothing can be called unchanged.
  if (!before.ok) return images;
  const changed = changedImages(images, before.value);
  if (request.kind.kind === 'Pod') return changed;
  return changed.length > 0 || startsMore(request) ? images : [];
}

/** Made with no replicas and scaled up later, an object would otherwise run images that nobody judged. */
function startsMore({ kind, object, oldObject }: AdmissionRequest): boolean {
  const [now, before] = [replicasOf(object, kind), replicasOf(oldObject, kind)];
  return now !== undefined && (before === undefined || now > before);
}
