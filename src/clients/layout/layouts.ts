import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { digestAlgorithm, digestOf, formatReference, nameOf, REGISTRY_JOBS } from '../../core/model/index.ts';
import type { ImageRef } from '../../core/model/index.ts';
import type { SideRegistry } from '../../core/promotion/index.ts';
import { hashElsewhere } from '../io/index.ts';
import { deleteAt, push } from './changes.ts';
import { blobPath, openStream, readWhole, type Disk } from './disk.ts';
import { byTag, withoutTag } from './entries.ts';
import { fault } from './fault.ts';
import { createGraphReader, type At } from './graph.ts';
import { readFallback } from './listing.ts';
import { contentAt, entryAt, loneImage } from './names.ts';
import { lacking } from './parts.ts';
import { createStore } from './store.ts';
import { createTransfers } from './transfer.ts';

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
  readonly lockWaitMs?: Disk['lockWaitMs'];
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
  lockWaitMs,
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
    const store = stores.get(root)?.store ?? createStore({ root, open: openFile, lockWaitMs }, now);
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
    extendManifest: (to, extension, signal) => {
      const extended = REGISTRY_JOBS.extension(extension);
      if (extended.ok) return Promise.resolve(extended.value);
      const why = 'what lies there is no manifest that can be extended';
      return Promise.reject(fault(at(to, 'extend manifest', signal), 'RegistryMisbehaved', why));
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
