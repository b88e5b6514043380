import * as z from 'zod';
import { parseShort } from '../../model/index.ts';
import type { Descriptor, ImageRef, ManifestContent } from '../../model/index.ts';
import type { TaggedManifest } from '../graph/graph.ts';
import type { TargetRegistry } from '../ports.ts';
import { encodeJson } from '../records/artifact.ts';
import { NO_TIME, SIGNATURE } from '../records/cosign-tag.ts';

/** What is to be done for one of cosign's tags at the target. */
export type TagTask = { readonly one: TaggedManifest } & (
  | { readonly state: 'present' }
  /** The target has its own, which cannot be merged and stays. */
  | { readonly state: 'apart' }
  | { readonly state: 'push' }
  | { readonly state: 'merge'; readonly theirs: ManifestContent }
);

/** A repository that is written to. */
interface Place {
  readonly target: TargetRegistry;
  readonly to: ImageRef;
}

/** Largest config of a signature manifest that is read, in bytes; real ones have a few hundred. */
const MAX_CONFIG_BYTES = 1024 * 1024;

/** Looks at the target what there is to do for a tag: a HEAD, and a GET where something else lies there. */
export async function lookAtTag(
  one: TaggedManifest,
  { target, to: { registry, repository } }: Place,
  signal: AbortSignal,
): Promise<TagTask> {
  const at = { registry, repository, tag: one.tag };
  const digest = await target.tagDigest(at, signal);
  if (digest === one.content.manifest.digest) return { state: 'present', one };
  const theirs = digest === undefined ? undefined : await target.content(at, signal);
  if (theirs === undefined) return { state: 'push', one };
  const { config, manifests } = theirs.manifest;
  if (lackedBy(theirs, one.content).length === 0 && manifests.length === 0) return { state: 'present', one };
  // Readers of an SBOM expect exactly one layer.
  const isMergeable = !one.tag.endsWith('.sbom') && config !== undefined;
  return isMergeable ? { state: 'merge', one, theirs } : { state: 'apart', one };
}

/** Pushes a tag when its blobs are there; what others signed at the target stays, before ours. */
export async function pushTag(
  task: Extract<TagTask, { state: 'push' | 'merge' }>,
  { target, to }: Place,
  signal: AbortSignal,
): Promise<void> {
  const { tag, content } = task.one;
  const merged = task.state === 'merge' ? await merge(content, task.theirs, { target, to }, signal) : content;
  await target.pushManifest({ registry: to.registry, repository: to.repository, tag }, merged, signal);
}

/** Their manifest with the layers that ours has beyond it, and a config that names them. */
async function merge(
  ours: ManifestContent,
  theirs: ManifestContent,
  { target, to }: Place,
  signal: AbortSignal,
): Promise<ManifestContent> {
  const { config, mediaType } = theirs.manifest;
  const lacked = new Set(lackedBy(theirs, ours));
  const bytes = config && (await target.blob(to, config, MAX_CONFIG_BYTES, signal));
  const extended = bytes && extendConfig(bytes, [...lacked]);
  const at = ours.manifest.layers.flatMap((layer, place) => (lacked.has(layer) ? [place] : []));
  const more = { bytes: theirs.bytes, mediaType, from: { bytes: ours.bytes, at } };
  if (!extended) return target.extendManifest(to, more, signal);
  const digest = await target.pushBlob(to, extended, signal);
  return target.extendManifest(to, { ...more, config: { digest, size: extended.byteLength } }, signal);
}

/** Our layers that theirs has not. They are the same when payload and signature are: many people sign the same payload. */
function lackedBy(theirs: ManifestContent, ours: ManifestContent): readonly Descriptor[] {
  const keyOf = ({ digest, annotations }: Descriptor): string => `${digest} ${annotations[SIGNATURE] ?? ''}`;
  const known = new Set(theirs.manifest.layers.map(keyOf));
  return ours.manifest.layers.filter((layer) => !known.has(keyOf(layer)));
}

const config = z.looseObject({
  rootfs: z.looseObject({ diff_ids: z.array(z.string()) }),
  history: z.array(z.unknown()).nullish(),
});

/** Their config for `layers` more; `undefined` when it is not one that names its layers and can stay as it is. */
function extendConfig(bytes: Uint8Array, layers: readonly Descriptor[]): Uint8Array | undefined {
  const read = config.safeParse(parseShort(bytes));
  if (!read.success) return undefined;
  const { rootfs, history, ...rest } = read.data;
  // cosign's layers are not compressed, so that each is its own diff id; and every layer has its line of history.
  const diffIds = [...rootfs.diff_ids, ...layers.map(({ digest }) => digest)];
  const lines = history ? [...history, ...layers.map(() => ({ created: NO_TIME }))] : undefined;
  return encodeJson({ ...rest, rootfs: { ...rootfs, diff_ids: diffIds }, history: lines });
}
