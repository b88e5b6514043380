import { unlink } from 'node:fs/promises';
import { digestAlgorithm, digestOf, errorCode, fallbackTag } from '../../core/model/index.ts';
import type { Digest, ImageRef, ManifestContent } from '../../core/model/index.ts';
import { blobPath, putFile } from './disk.ts';
import { byTag, withListing, withTag } from './entries.ts';
import { fault, faultOfSystem } from './fault.ts';
import { descriptorOf, type At } from './graph.ts';
import type { LayoutIndex } from './index-file.ts';
import { changedListing } from './listing.ts';
import { contentAt } from './names.ts';
import { lacking } from './parts.ts';

/** Writes a manifest, then names it: by its tag, and for what refers to another image in the listing of that. */
export async function push(it: At, to: ImageRef, { manifest, bytes }: ManifestContent): Promise<void> {
  const { store } = it;
  const { digest, subject } = manifest;
  if ((to.digest ?? digest) !== digest || digestOf(bytes, digestAlgorithm(digest)) !== digest)
    throw fault(it, 'InternalError', 'the manifest is another one than is to be written');
  await store.begin(it);
  const lacks = await lacking(it, manifest);
  if (lacks !== undefined) throw fault(it, 'RegistryMisbehaved', `the folder lacks ${lacks}, which it lists`);
  if (!(await store.has(it, digest))) await writeBytes(it, digest, bytes);
  const { tag } = to.digest === undefined ? to : {};
  if (tag === undefined && subject === undefined) return;
  const described = descriptorOf(manifest);
  const replaced: Digest[] = [];
  await store.change(it, async (index) => {
    const named = tag === undefined ? index : withTag(index, tag, described);
    if (subject === undefined) return named;
    return relisted(it, named, { subject: subject.digest, added: described, replaced });
  });
  await removeUnnamed(it, replaced);
}

type Relisting = Parameters<typeof changedListing>[2] & {
  readonly subject: Digest;
  /** Listings that are no longer named. */
  readonly replaced: Digest[];
};

/** The index with another listing under the fallback tag of a subject; the one before is put among `replaced`. */
async function relisted(
  it: At,
  index: LayoutIndex,
  { subject, replaced, ...change }: Relisting,
): Promise<LayoutIndex> {
  const tag = fallbackTag(subject);
  const [present] = byTag(index).get(tag) ?? [];
  const bytes = await changedListing(it, present, change);
  if (!bytes) return index;
  const digest = digestOf(bytes);
  await writeBytes(it, digest, bytes);
  if (present) replaced.push(present.digest);
  return withListing(index, tag, { digest, size: bytes.byteLength });
}

async function writeBytes(it: At, digest: Digest, bytes: Uint8Array): Promise<void> {
  const { disk, wrote } = it.store;
  await putFile(it, disk, blobPath(disk, digest), (file) => file.writeFile(bytes));
  wrote(digest);
}

/** Takes listings away that were replaced: nothing names them any more. */
async function removeUnnamed(it: At, digests: readonly Digest[]): Promise<void> {
  const { manifests = [] } = (await it.store.index(it)) ?? {};
  const named = new Set(manifests.map(({ digest }) => digest));
  for (const digest of digests.filter((one) => !named.has(one))) await removeBlob(it, digest);
}

async function removeBlob(it: At, digest: Digest): Promise<void> {
  const path = blobPath(it.store.disk, digest);
  it.store.forget(digest);
  await unlink(path).catch((error: unknown) => {
    if (errorCode(error) !== 'ENOENT') throw faultOfSystem(it, path, error);
  });
}

/** Takes a manifest out of the index with all its tags, and out of the listing of what it refers to; then its file. */
export async function deleteAt(it: At, digest: Digest): Promise<'deleted' | 'absent'> {
  const content = await contentAt(it, { registry: '', repository: '', digest }, { isReferrer: true });
  if (!content) return 'absent';
  const { subject } = content.manifest;
  const replaced: Digest[] = [];
  await it.store.change(it, async (index) => {
    const rest = { ...index, manifests: index.manifests.filter((entry) => entry.digest !== digest) };
    return subject ? relisted(it, rest, { subject: subject.digest, removed: digest, replaced }) : rest;
  });
  await removeUnnamed(it, replaced);
  await removeBlob(it, digest);
  return 'deleted';
}
