import type { ImageRef } from '../../model/index.ts';
import type { TargetRegistry } from '../ports.ts';
import type { Artifact } from './artifact.ts';

/** Where an artifact goes: under the tag of `to`, if it has one, else by its own digest. */
export interface ArtifactPush {
  readonly registry: Pick<TargetRegistry, 'pushBlob' | 'pushManifest'>;
  readonly to: ImageRef;
  readonly artifact: Artifact;
}

/** Pushes an artifact: the manifest last, so that no reader finds one whose blobs are missing. */
export async function pushArtifact(
  { registry, to, artifact }: ArtifactPush,
  signal: AbortSignal,
): Promise<void> {
  const { blobs, content } = artifact;
  await Promise.all(blobs.map((bytes) => registry.pushBlob(to, bytes, signal)));
  const { registry: host, repository, tag } = to;
  const named = tag === undefined ? { digest: content.manifest.digest } : { tag };
  await registry.pushManifest({ registry: host, repository, ...named }, content, signal);
}
