import { pin, type PinnedRef, type Unread } from '../model/index.ts';
import { unknown, unread } from './learn.ts';
import { readManifest } from './resolve.ts';
import { layersOf, type Found, type Wanted } from './signature-layers.ts';
import type { Sources } from './ports.ts';

/** Annotation by which BuildKit marks a child of an index that is no platform but carries statements about one. */
export const BUILDKIT_KIND = 'vnd.docker.reference.type';
const SUBJECT = 'vnd.docker.reference.digest';

/** Carriers read of one index: one a platform, and real images have fewer than twenty. */
const MAX_CARRIERS = 64;

/**
 * Statements that BuildKit put into the index itself, each about one platform. The author of the index chose what they
 * name, so nothing in them is a proof: a signed statement about another image is not even tried.
 */
export async function inIndex(
  image: PinnedRef,
  wanted: Wanted,
  { sources, signal }: { readonly sources: Sources; readonly signal: AbortSignal },
): Promise<Found> {
  const manifest = await readManifest(image, sources, signal);
  if (manifest.state === 'unknown') return { layers: [], unread: [unread(manifest)] };
  if (manifest.state === 'absent') return { layers: [], unread: [] };
  const { manifests } = manifest.value;
  const carriers = manifests.filter(
    ({ annotations }) => annotations[BUILDKIT_KIND] === 'attestation-manifest',
  );
  const found = await Promise.all(
    carriers.slice(0, MAX_CARRIERS).map(async ({ digest, annotations }) => {
      const named = manifests.find((child) => child.digest === annotations[SUBJECT]);
      const about = named?.digest ?? image.digest;
      const carrier = await readManifest(pin(image, digest), sources, signal);
      return layersOf({ manifest: carrier, place: image, about }, wanted);
    }),
  );
  return {
    layers: found.flatMap(({ layers }) => layers).filter(({ form }) => form === 'plain'),
    unread: [...found.flatMap((one) => one.unread), ...cut(carriers.length)],
  };
}

function cut(count: number): readonly Unread[] {
  if (count <= MAX_CARRIERS) return [];
  const detail = `${count} statements are in the index, the first ${MAX_CARRIERS} were read`;
  return [unread(unknown('LimitExceeded', detail, false))];
}
