import { LRUCache } from 'lru-cache';
import pLimit from 'p-limit';
import {
  Fault,
  isIndexType,
  nameOf,
  pin,
  type Digest,
  type ImageRef,
  type Manifest,
} from '../core/model/index.ts';
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

/** Walks at the same time: what any caller can ask for must leave the registries to pulls. */
const MAX_WALKS = 4;
/** Milliseconds for one walk, for all who wait for it: less than they have. */
const WALK_MS = 20_000;

/** Reads what the tags of a repository lead to, so that content which another replica or an earlier process led to is found. */
export type Walk = (repository: ImageRef, reader: Reader) => Promise<void>;

/**
 * Makes walks: one at a time of a repository with the same logins, and seldom. Each rejects with the Fault of a registry that may
 * answer later. What a registry refuses to list, and a manifest that cannot be read, lead nowhere: anyone who may push can write one.
 */
export function createWalk(contents: Contents): Walk {
  const walked = new LRUCache<string, Promise<void>>({ max: MAX_REPOSITORIES, ttl: AGAIN_MS });
  const turns = pLimit(MAX_WALKS);
  return (repository, reader) => {
    const key = `${reader.scope} ${nameOf(repository)}`;
    const running = walked.get(key) ?? turns(() => walk(repository, reader, contents));
    walked.set(key, running, { noUpdateTTL: true });
    running.catch(() => walked.delete(key));
    return running;
  };
}

/**
 * Notes what a manifest leads to. `tag` = the one that has led to it; what an index under a tag of signatures lists is evidence, if
 * anything, and no platform of an image.
 */
export function learnFrom(contents: Contents, { tag, ...place }: ImageRef, manifest: Manifest): void {
  const byTag = subjectOfTag(tag);
  if (byTag !== undefined && isIndexType(manifest.mediaType)) return;
  const about = byTag ?? manifest.subject?.digest;
  if (about !== undefined && isEvidence(manifest)) contents.learnEvidence(place, manifest, about);
  else if (tag !== undefined) contents.learnTag(place, manifest);
  contents.learn(place, manifest);
}

async function walk(repository: ImageRef, { registry }: Reader, contents: Contents): Promise<void> {
  const signal = AbortSignal.timeout(WALK_MS);
  const place = { registry: repository.registry, repository: repository.repository };
  const tags = (await orNothing(registry.tags(place, signal))) ?? [];
  const limit = pLimit(AT_ONCE);
  const seen = new Set<Digest>();
  const read = async (ref: ImageRef): Promise<void> => {
    if (seen.size >= MAX_MANIFESTS) return;
    const manifest = await limit(() => orNothing(registry.manifest(ref, signal)));
    if (!manifest) return;
    learnFrom(contents, { ...place, ...(ref.tag !== undefined && { tag: ref.tag }) }, manifest);
    if (seen.has(manifest.digest)) return;
    seen.add(manifest.digest);
    await Promise.all(manifest.manifests.map(({ digest }) => read(pin(place, digest))));
  };
  await Promise.all(tags.slice(-MAX_TAGS).map((tag) => read({ ...place, tag })));
}

/** A value; nothing where a registry has refused it for good. */
function orNothing<T>(reading: Promise<T | undefined>): Promise<T | undefined> {
  return reading.catch((error: unknown) => {
    if (error instanceof Fault && !error.transient) return undefined;
    throw error;
  });
}
