import type { ImageRef, ManifestContent } from '../../model/index.ts';
import type { TaggedManifest } from '../graph/graph.ts';
import type { TargetRegistry } from '../ports.ts';
import { extendConfig, meet, mergeLayers } from './merge-layers.ts';

/** What is to be done for one of cosign's tags at the target. */
export type TagTask =
  | { readonly state: 'present'; readonly one: TaggedManifest }
  /** The target has its own, which stays. */
  | { readonly state: 'apart'; readonly one: TaggedManifest }
  | { readonly state: 'push'; readonly one: TaggedManifest }
  | { readonly state: 'merge'; readonly one: TaggedManifest; readonly theirs: ManifestContent };

/** Largest config of a signature manifest that is read, in bytes; real ones have a few hundred. */
const MAX_CONFIG_BYTES = 1024 * 1024;

/** The tag at the target. */
export function tagAt({ registry, repository }: ImageRef, tag: string): ImageRef {
  return { registry, repository, tag };
}

/** Looks at the target what there is to do for a tag: a HEAD, and a GET where something else lies there. */
export async function lookAtTag(
  one: TaggedManifest,
  { target, to }: { readonly target: TargetRegistry; readonly to: ImageRef },
  signal: AbortSignal,
): Promise<TagTask> {
  const at = tagAt(to, one.tag);
  const digest = await target.tagDigest(at, signal);
  if (digest === one.content.manifest.digest) return { state: 'present', one };
  const theirs = digest === undefined ? undefined : await target.content(at, signal);
  if (theirs === undefined) return { state: 'push', one };
  const { state } = meet(one.tag, theirs, one.content);
  if (state === 'mergeable') return { state: 'merge', one, theirs };
  return { state: state === 'contained' ? 'present' : 'apart', one };
}

/** Pushes a tag when its blobs are there; what others signed at the target stays, before ours. */
export async function pushTag(
  task: Extract<TagTask, { state: 'push' | 'merge' }>,
  { target, to }: { readonly target: TargetRegistry; readonly to: ImageRef },
  signal: AbortSignal,
): Promise<void> {
  const { one } = task;
  const content = task.state === 'push' ? one.content : await merge(one, task.theirs, { target, to }, signal);
  await target.pushManifest(tagAt(to, one.tag), content, signal);
}

async function merge(
  { tag, content }: TaggedManifest,
  theirs: ManifestContent,
  { target, to }: { readonly target: TargetRegistry; readonly to: ImageRef },
  signal: AbortSignal,
): Promise<ManifestContent> {
  const { config } = theirs.manifest;
  const bytes = config && (await target.blob(to, config, MAX_CONFIG_BYTES, signal));
  const meeting = meet(tag, theirs, content);
  const extended = bytes && meeting.state === 'mergeable' ? extendConfig(bytes, meeting.layers) : undefined;
  if (extended === undefined) return mergeLayers(theirs, content, undefined);
  const digest = await target.pushBlob(to, extended, signal);
  return mergeLayers(theirs, content, { digest, size: extended.byteLength });
}
