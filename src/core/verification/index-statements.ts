import { parseDigest, pin, type PinnedRef } from '../model/index.ts';
import { unread } from './learn.ts';
import { readManifest } from './resolve.ts';
import { layersOf, type Found, type Wanted } from './signature-layers.ts';
import type { Sources } from './sources.ts';

/** Annotation by which BuildKit marks a child of an index that is no platform but carries statements about one. */
export const BUILDKIT_KIND = 'vnd.docker.reference.type';
const SUBJECT = 'vnd.docker.reference.digest';

/** Carriers read of one index: one a platform, and real images have fewer than twenty. */
const MAX_CARRIERS = 64;

/** Statements that BuildKit put into the index itself, each about one platform; nobody signs them. */
export async function inIndex(
  image: PinnedRef,
  wanted: Wanted,
  { sources, signal }: { readonly sources: Sources; readonly signal: AbortSignal },
): Promise<Found> {
  const manifest = await readManifest(image, sources, signal);
  if (manifest.state === 'unknown') return { layers: [], unread: [unread(manifest)] };
  if (manifest.state === 'absent') return { layers: [], unread: [] };
  const carriers = manifest.value.manifests
    .filter(({ annotations }) => annotations[BUILDKIT_KIND] === 'attestation-manifest')
    .slice(0, MAX_CARRIERS);
  const found = await Promise.all(
    carriers.map(async ({ digest, annotations }) => {
      const about = parseDigest(annotations[SUBJECT]) ?? image.digest;
      const carrier = await readManifest(pin(image, digest), sources, signal);
      return layersOf({ manifest: carrier, place: image, about }, wanted);
    }),
  );
  return {
    layers: found.flatMap(({ layers }) => layers),
    unread: found.flatMap((one) => one.unread),
  };
}
