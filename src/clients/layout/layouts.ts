import { open, unlink } from 'node:fs/promises';
import { resolve } from 'node:path';
import {
  digestAlgorithm,
  digestOf,
  errorCode,
  fallbackTag,
  formatReference,
  nameOf,
  REGISTRY_JOBS,
} from '../../core/model/index.ts';
import type { Digest, ImageRef, ManifestContent } from '../../core/model/index.ts';
import type { SideRegistry } from '../../core/promotion/index.ts';
import { hashElsewhere } from '../io/index.ts';
import { blobPath, fault, faultOfSystem, openStream, putFile, readWhole, type Disk } from './disk.ts';
import { byTag, withListing, withoutTag, withTag, type Entry, type LayoutIndex } from './entries.ts';
import { changedListing, createGraphReader, descriptorOf, readContent, readFallback } from './listing.ts';
import type { At } from './listing.ts';
import { createStore } from './store.ts';
import { createTransfers, lacking } from './transfer.ts';

/** How folders are read and written. */
export interface LayoutOptions {
  /** Named in Faults. Nothing of a source is deleted. */
  readonly side: 'source' | 'target';
  /** The path of the folder of a reference; `undefined` where it is of no folder, and then nothing is known of it. */
  readonly folderOf: (ref: ImageRef) => string | undefined;
  /** Absent = the clock of the system. */
  readonly now?: () => Date;
  /** Opens files; absent = as the system does. */
  readonly open?: Disk['open'];
}

/**
 * Reads and writes folders in the OCI image layout (OCI image spec, "Image Layout") as registries are. Bytes that are read whole are proven
 * by their digest; those that are streamed the caller proves. A blob is written before the manifest that lists it, and `index.json` at
 * the end, each whole or not at all. What refers to an image is found by the subjects of all that the folder names, and by fallback
 * tags. A deletion leaves the layers behind.
 */
export function createLayouts({
  side,
  folderOf,
  now = () => new Date(),
  open: openFile = open,
}: LayoutOptions): SideRegistry {
  const stores = new Map<string, Pick<At, 'store' | 'graphOf'>>();
  const at = (ref: ImageRef, verb: string, signal: AbortSignal): At => {
    const doing = { operation: `${verb} ${formatReference(ref)}`, side, signal };
    const folder = folderOf(ref);
    if (folder === undefined)
      throw fault(
        doing,
        'RegistryUnavailable',
        `nothing but the folder is read, and ${nameOf(ref)} is not in it`,
      );
    const root = resolve(folder);
    const store = stores.get(root)?.store ?? createStore({ root, open: openFile }, now);
    const known = stores.get(root) ?? { store, graphOf: createGraphReader(store) };
    stores.set(root, known);
    return { ...doing, ...known };
  };
  const { transferBlob, putBlob } = createTransfers(at);
  const layouts: SideRegistry = {
    manifest: async (ref, signal, keys) =>
      (await contentAt(at(ref, 'read manifest of', signal), ref, { keys }))?.manifest,
    content: async (ref, signal, kind) =>
      contentAt(at(ref, 'read manifest of', signal), ref, { isReferrer: kind === 'referrer' }),
    tagDigest: async (ref, signal) => {
      const it = at(ref, 'resolve', signal);
      if (side === 'source' && ref.digest === undefined) return (await entryAt(it, ref))?.digest;
      const content = await contentAt(it, ref, { isReferrer: true });
      // What lacks a part is brought again; a source is read as it is.
      const isWhole = content && (side === 'source' || (await lacking(it, content.manifest)) === undefined);
      return isWhole ? content.manifest.digest : undefined;
    },
    referrers: async (image, signal) => {
      const it = at(image, 'list referrers of', signal);
      const index = await it.store.index(it);
      if (!index) return [];
      const [graph, tagged] = await Promise.all([
        it.graphOf(it, index),
        readFallback(it, index, image.digest),
      ]);
      const all = [...graph.referrers(image.digest), ...tagged];
      return [...new Map(all.map((one) => [one.digest, one])).values()];
    },
    fallbackReferrers: async (image, signal) => {
      const it = at(image, 'read the fallback tag of', signal);
      return readFallback(it, await it.store.index(it), image.digest);
    },
    blob: async (repository, { digest, size }, maxBytes, signal) => {
      const it = at(repository, `read blob ${digest} of`, signal);
      if (size > maxBytes)
        throw fault(it, 'LimitExceeded', `it has ${size} bytes, and at most ${maxBytes} are read`);
      const bytes = await readWhole(it, it.store.disk, blobPath(it.store.disk, digest), size);
      if (bytes && (bytes.byteLength !== size || digestOf(bytes, digestAlgorithm(digest)) !== digest))
        throw fault(it, 'RegistryMisbehaved', 'the bytes are not those that the digest names: copy it again');
      return bytes;
    },
    openBlob: async (repository, blob, offset, signal) => {
      const it = at(repository, `read blob ${blob.digest} of`, signal);
      return openStream(it, it.store.disk, blob, offset);
    },
    tags: async (repository, signal) => {
      const it = at(repository, 'list tags of', signal);
      const index = await it.store.index(it);
      if (!index) return undefined;
      const tags = [...byTag(index).keys()];
      return (await loneImage(it, index)) ? ['latest', ...tags] : tags;
    },
    openBlobOrPlace: async (repository, blob, offset, signal) =>
      layouts.openBlob(repository, blob, offset, signal),
    repositories: () => Promise.resolve(undefined),
    transferBlob,
    hasBlob: async (repository, digest, signal) => {
      const it = at(repository, `find blob ${digest} of`, signal);
      return it.store.has(it, digest);
    },
    digestOf: hashElsewhere,
    pushBlob: async (repository, bytes, signal) => {
      const digest = await hashElsewhere(bytes);
      await putBlob(at(repository, `write blob ${digest} of`, signal), digest, bytes);
      return digest;
    },
    extendManifest: async (to, extension, signal) => {
      const it = at(to, 'extend manifest', signal);
      const extended = REGISTRY_JOBS.extension(extension);
      if (extended.ok) return extended.value;
      throw fault(it, 'RegistryMisbehaved', 'what lies there is no manifest that can be extended');
    },
    pushManifest: async (to, content, signal) => push(at(to, 'write manifest', signal), to, content),
    deleteManifest: async (image, signal) =>
      side === 'source' ? 'refused' : deleteAt(at(image, 'delete manifest', signal), image.digest),
    deleteTag: async (ref, signal) => {
      if (side === 'source' || ref.tag === undefined) return 'refused';
      const { tag } = ref;
      const it = at(ref, 'delete tag', signal);
      const index = await it.store.index(it);
      if (!index || !byTag(index).has(tag)) return 'absent';
      await it.store.change(it, (all) => Promise.resolve(withoutTag(all, tag)));
      return 'deleted';
    },
    restMs: () => Promise.resolve(0),
    watched: () => layouts,
    inTurn: () => layouts,
  };
  return layouts;
}

/** The entry that a tag names, or no tag: then the only image of the folder. One tag with two digests is a Fault. */
async function entryAt(it: At, { tag }: ImageRef): Promise<Entry | undefined> {
  const index = await it.store.index(it);
  if (!index) return undefined;
  const [first, ...others] = (tag !== undefined && byTag(index).get(tag)) || [];
  if (first && others[0]) {
    const detail = `index.json names two images ${String(tag)}: ${first.digest} and ${others[0].digest}; name one by its digest`;
    throw fault(it, 'AmbiguousIndex', detail);
  }
  if (first ?? (tag !== undefined && tag !== 'latest')) return first;
  if (tag !== undefined) return loneImage(it, index);
  const { roots } = await it.graphOf(it, index);
  if (roots.length <= 1) return roots[0];
  const tags = [...byTag(index).keys()].slice(0, SHOWN_TAGS).join(', ');
  throw fault(
    it,
    'InvalidReference',
    `it has ${roots.length} images: name one by its tag or digest (${tags}…)`,
  );
}

/** Tags that a message lists. */
const SHOWN_TAGS = 8;

/** The image of a folder that has one image without a name: as a name without a tag it is `latest`. */
async function loneImage(it: At, index: LayoutIndex): Promise<Entry | undefined> {
  if (index.manifests.length === 0 || byTag(index).has('latest')) return undefined;
  const named = new Set([...byTag(index).values()].flat().map(({ digest }) => digest));
  if (index.manifests.every(({ digest }) => named.has(digest))) return undefined;
  const [only, ...others] = (await it.graphOf(it, index)).roots;
  return only && others.length === 0 && !named.has(only.digest) ? only : undefined;
}

async function contentAt(
  it: At,
  ref: ImageRef,
  as: Parameters<typeof readContent>[2],
): Promise<ManifestContent | undefined> {
  const entry = ref.digest === undefined ? await entryAt(it, ref) : undefined;
  const digest = ref.digest ?? entry?.digest;
  // Also refuses a folder that is no layout.
  if (digest === undefined || !(await it.store.index(it))) return undefined;
  const content = await readContent(it, digest, { ...as, named: entry?.mediaType, size: entry?.size });
  if (content || !entry || it.side === 'target') return content;
  throw fault(
    it,
    'RegistryMisbehaved',
    `index.json names ${digest}, which is not in the folder: copy it again`,
  );
}

/** Writes a manifest, then names it: by its tag, and for what refers to another image in the listing of that. */
async function push(it: At, to: ImageRef, { manifest, bytes }: ManifestContent): Promise<void> {
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
    return relisted(it, named, subject.digest, { added: described }, replaced);
  });
  await removeUnnamed(it, replaced);
}

/** The index with another listing under the fallback tag of a subject; the one before is put among `replaced`. */
async function relisted(
  it: At,
  index: LayoutIndex,
  subject: Digest,
  change: Parameters<typeof changedListing>[2],
  replaced: Digest[],
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
async function deleteAt(it: At, digest: Digest): Promise<'deleted' | 'absent'> {
  const content = await contentAt(it, { registry: '', repository: '', digest }, { isReferrer: true });
  if (!content) return 'absent';
  const { subject } = content.manifest;
  const replaced: Digest[] = [];
  await it.store.change(it, async (index) => {
    const rest = { ...index, manifests: index.manifests.filter((entry) => entry.digest !== digest) };
    return subject ? relisted(it, rest, subject.digest, { removed: digest }, replaced) : rest;
  });
  await removeUnnamed(it, replaced);
  await removeBlob(it, digest);
  return 'deleted';
}
