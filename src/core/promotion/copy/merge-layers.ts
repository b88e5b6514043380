import * as z from 'zod';
import {
  digestOf,
  parseManifest,
  type Descriptor,
  type Digest,
  type ManifestContent,
  objectOf,
  parseJson,
} from '../../model/index.ts';
import { holdsMany } from '../graph/cosign-tags.ts';

/** How what we bring and what lies under the same tag at the target go together. */
export type Meeting =
  /** All that we bring is there. */
  | { readonly state: 'contained' }
  /** The two cannot be merged: the one at the target stays. */
  | { readonly state: 'apart' }
  /** Ours comes after theirs; `layers` are the ones that they lack. */
  | { readonly state: 'mergeable'; readonly layers: readonly Descriptor[] };

/** Distinguishes signatures over the same payload. */
const SIGNATURE = 'dev.cosignproject.cosign/signature';

const written = z.looseObject({ layers: z.array(z.unknown()) });
const config = z.looseObject({
  rootfs: z.looseObject({ diff_ids: z.array(z.string()) }),
  history: z.array(z.unknown()).nullish(),
});

/** Compares what is brought for a tag of cosign's with what the target has there. */
export function meet(tag: string, theirs: ManifestContent, ours: ManifestContent): Meeting {
  const known = new Set(theirs.manifest.layers.map(keyOf));
  const layers = ours.manifest.layers.filter((layer) => !known.has(keyOf(layer)));
  if (layers.length === 0 && theirs.manifest.manifests.length === 0) return { state: 'contained' };
  const mergeable = holdsMany(tag) && theirs.manifest.config !== undefined;
  return mergeable ? { state: 'mergeable', layers } : { state: 'apart' };
}

/** Layers are the same when payload and signature are: many people sign the same payload. */
function keyOf({ digest, annotations }: Descriptor): string {
  return `${digest} ${annotations[SIGNATURE] ?? ''}`;
}

/** Their config for `layers` more; `undefined` when it is not one that names its layers and can stay as it is. */
export function extendConfig(bytes: Uint8Array, layers: readonly Descriptor[]): Uint8Array | undefined {
  const read = config.safeParse(parseJson(bytes));
  if (!read.success) return undefined;
  const { rootfs, history, ...rest } = read.data;
  // cosign's layers are not compressed, so that each is its own diff id; and every layer has its line of history.
  const diffIds = [...rootfs.diff_ids, ...layers.map(({ digest }) => digest)];
  const lines = history && [...history, ...layers.map(() => ({ created: '0001-01-01T00:00:00Z' }))];
  const extended = { ...rest, rootfs: { ...rootfs, diff_ids: diffIds }, ...(lines && { history: lines }) };
  return new TextEncoder().encode(JSON.stringify(extended));
}

/** Their manifest with the layers that ours has beyond it, and the config pushed for that. */
export function mergeLayers(
  theirs: ManifestContent,
  ours: ManifestContent,
  newConfig: { readonly digest: Digest; readonly size: number } | undefined,
): ManifestContent {
  const known = new Set(theirs.manifest.layers.map(keyOf));
  const base = bodyOf(theirs);
  const more = bodyOf(ours).layers.filter((_, at) => {
    const layer = ours.manifest.layers[at];
    return layer !== undefined && !known.has(keyOf(layer));
  });
  const merged = {
    ...base,
    ...(newConfig && { config: { ...objectOf(base.config), ...newConfig } }),
    layers: [...base.layers, ...more],
  };
  const bytes = new TextEncoder().encode(JSON.stringify(merged));
  const parsed = parseManifest(bytes, digestOf(bytes), theirs.manifest.mediaType);
  if (!parsed.ok) throw new Error('two readable manifests became an unreadable one');
  return { manifest: parsed.value, bytes };
}

function bodyOf({ bytes }: ManifestContent): z.output<typeof written> {
  return written.parse(parseJson(bytes));
}
