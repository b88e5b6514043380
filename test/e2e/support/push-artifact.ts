// Pushes what promotion makes as its own writer does, by the plain requests of the tests.
import type { Artifact } from '../../../src/core/promotion/index.ts';
import {
  addToFallbackTag,
  pushBlob,
  pushManifest,
  type Pushed,
  type Target,
} from '../../support/registry/push.ts';

/** Pushes an artifact, under the target's tag or by its digest, findable by the referrers API or by the fallback tag. */
export async function pushArtifact(target: Target, { blobs, content }: Artifact): Promise<Pushed> {
  for (const bytes of blobs) await pushBlob(target, { mediaType: 'application/octet-stream', bytes });
  const body = JSON.parse(Buffer.from(content.bytes).toString()) as Readonly<Record<string, unknown>>;
  const { subject, artifactType, annotations } = content.manifest;
  const pushed = await pushManifest(target, body);
  if (subject && !pushed.response.headers.has('oci-subject')) {
    const { mediaType, digest, size } = pushed;
    const entry = { mediaType, digest, size, artifactType: artifactType ?? '', annotations };
    await addToFallbackTag(target, subject.digest, entry);
  }
  return pushed;
}
