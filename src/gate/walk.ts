import { LRUCache } from 'lru-cache';
import pLimit from 'p-limit';
import { isIndexType, nameOf, pin, type Digest, type ImageRef, type Manifest } from '../core/model/index.ts';
import type { Contents } from './contents.ts';
import type { Reader } from './ports.ts';
import { isEvidence, subjectOfTag } from './verdict.ts';

/** Most tags of a repository that are read to find what lists some content; the last of the list, which tend to be the newest. */
const MAX_TAGS = 64;
/** Most manifests, platforms included. */
const MAX_MANIFESTS = 256;
/** Manifests that are read at the same time. */
const AT_ONCE = 8;
/** Milliseconds for which a walk is not repeated, however many clients ask for content that it does not find. */
const AGAIN_MS = 60_000;
/** Repositories, by login, of which it is remembered when they were walked. */
const MAX_REPOSITORIES = 10_000;

/** Reads what the tags of a repository lead to, so that content which another replica or an earlier process led to is found. */
export type Walk = (repository: ImageRef, reader: Reader, signal: AbortSignal) => Promise<void>;

/** Makes walks: one at a time of a repository with the same logins, and seldom. Each rejects with the Fault of the registry. */
export function createWalk(contents: Contents): Walk {
  const walked = new LRUCache<string, Promise<void>>({ max: MAX_REPOSITORIES, ttl: AGAIN_MS });
  return (repository, reader, signal) => {
    const key = `${reader.scope} ${nameOf(repository)}`;
    const running = walked.get(key) ?? walk(repository, reader, contents, signal);
    walked.set(key, running, { noUpdateTTL: true });
    running.catch(() => walked.delete(key));
    return running;
  };
}

/**
 * Notes what a manifest leads to. `about` = what it says that it is about, by itself or by its tag; what an index of signatures
 * lists is evidence, if anything, and no platform of an image.
 */
export function learnFrom(
  contents: Contents,
  place: ImageRef,
  manifest: Manifest,
  about: Digest | undefined,
): void {
  if (about !== undefined && isIndexType(manifest.mediaType)) return;
  if (about !== undefined && isEvidence(manifest)) contents.learnEvidence(place, manifest, about);
  contents.learn(place, manifest);
}

async function walk(
  repository: ImageRef,
  { registry }: Reader,
  contents: Contents,
  signal: AbortSignal,
): Promise<void> {
  const place = { registry: repository.registry, repository: repository.repository };
  const tags = ((await registry.tags(place, signal)) ?? []).slice(-MAX_TAGS);
  const limit = pLimit(AT_ONCE);
  const seen = new Set<Digest>();
  const read = async (ref: ImageRef): Promise<void> => {
    if (seen.size >= MAX_MANIFESTS) return;
    const manifest = await limit(() => registry.manifest(ref, signal));
    if (!manifest || seen.has(manifest.digest)) return;
    seen.add(manifest.digest);
    const about = subjectOfTag(ref.tag) ?? manifest.subject?.digest;
    learnFrom(contents, place, manifest, about);
    await Promise.all(manifest.manifests.map(({ digest }) => read(pin(place, digest))));
  };
  await Promise.all(tags.map((tag) => read({ ...place, tag })));
}
