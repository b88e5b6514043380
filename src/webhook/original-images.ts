import { isObject, objectOf, parseJson, textOf } from '../core/model/index.ts';
import { extractImages, type ImageUse } from '../core/workload/index.ts';
import type { AdmissionRequest } from './decode.ts';
import { pointer, type PatchOperation } from './patch.ts';

/**
 * Holds what the author of a Pod wrote before digests were added: a JSON object, container → reference. For people and
 * tools that compare. Any author of a Pod can write it, and no decision here ever depends on it.
 */
export const ORIGINAL_IMAGES = 'pratique.dev/original-images';

/** Bytes of the record: references of the Pods that people write, many times over. */
const MAX_RECORD_BYTES = 16_384;
/** Bytes of all annotations of an object together, above which the API server refuses it (`ValidateAnnotationsSize`). */
const MAX_ANNOTATION_BYTES = 256 * 1024;

/**
 * Records the references of images that get a digest in this request, as far as there is room, and keeps what is recorded
 * already and still true. Ephemeral containers come by a subresource that keeps no change of metadata, so nothing is
 * recorded there.
 */
export function recordOriginals(
  { object, kind, subResource }: AdmissionRequest,
  pinned: readonly ImageUse[],
): readonly PatchOperation[] {
  const { metadata } = objectOf(object);
  // A patch into what is not there would fail, and with it the request.
  if (subResource !== '' || pinned.length === 0 || !isObject(metadata)) return [];
  const { annotations: written } = metadata;
  const isNew = written === undefined || written === null;
  if (!isNew && !isObject(written)) return [];
  const annotations = objectOf(written);
  const images = extractImages(object, kind);
  const entries = [
    ...pinned.map((use) => [nameOf(use), use.image] as const),
    ...stillTrue(annotations[ORIGINAL_IMAGES], images.ok ? images.value : []),
  ];
  const record = whatFits(entries, Math.min(MAX_RECORD_BYTES, roomIn(annotations)));
  if (record === undefined) return [];
  return isNew
    ? [{ op: 'add', path: '/metadata/annotations', value: { [ORIGINAL_IMAGES]: record } }]
    : [{ op: 'add', path: pointer(['metadata', 'annotations', ORIGINAL_IMAGES]), value: record }];
}

/** Volumes have names of their own, which may be those of containers; no name has a slash in it. */
function nameOf({ role, container }: ImageUse): string {
  return role === 'volume' ? `volume/${container}` : container;
}

/** What is recorded of images that are what was recorded and a digest: pinned before, maybe earlier in this very request. */
function stillTrue(text: unknown, images: readonly ImageUse[]): readonly (readonly [string, string])[] {
  // Another writer's value under our key is written anew.
  const recorded = objectOf(parseJson(textOf(text)));
  return images.flatMap((use) => {
    const original = recorded[nameOf(use)];
    const isTrue = typeof original === 'string' && use.image.startsWith(`${original}@`);
    return isTrue ? [[nameOf(use), original] as const] : [];
  });
}

function roomIn(annotations: ReturnType<typeof objectOf>): number {
  const others = Object.entries(annotations).filter(([key]) => key !== ORIGINAL_IMAGES);
  const used = others.map(([key, value]) => bytesOf(key) + bytesOf(textOf(value)));
  return used.reduce((all, one) => all - one, MAX_ANNOTATION_BYTES - bytesOf(ORIGINAL_IMAGES));
}

function whatFits(entries: readonly (readonly [string, string])[], room: number): string | undefined {
  let bytes = '{}'.length;
  const kept = entries.filter(([name, image]) => {
    // As `"name":"image",` with whatever escapes it takes.
    const size = bytesOf(JSON.stringify({ [name]: image })) - 1;
    if (bytes + size > room) return false;
    bytes += size;
    return true;
  });
  return kept.length === 0 ? undefined : JSON.stringify(Object.fromEntries(kept));
}

function bytesOf(text: string): number {
  return new TextEncoder().encode(text).length;
}
