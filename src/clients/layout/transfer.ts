import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FileHandle } from 'node:fs/promises';
import pLimit from 'p-limit';
import { digestAlgorithm, digestHex, Fault, nameOf } from '../../core/model/index.ts';
import type { Digest, ImageRef, Manifest } from '../../core/model/index.ts';
import type { BlobArrival, BlobTransfer, TargetRegistry } from '../../core/promotion/index.ts';
import { blobPath, checkTime, fault, putFile, statusOf } from './disk.ts';
import { readContent, type At } from './listing.ts';

/** Blobs on their way to disks at the same time: each holds a connection and a file. */
const MAX_TRANSFERS = 16;
/** Most times one blob is asked for again after its source broke off. */
const MAX_RESUMES = 8;
/** The pause before the first of them, in milliseconds; each further one is twice as long. */
const FIRST_RESUME_MS = 50;
/** Deepest nesting of indexes that is followed. */
const MAX_DEPTH = 8;

/** Brings blobs into folders, each once however many ask; `at` opens the folder of a reference. */
export function createTransfers(at: (ref: ImageRef, verb: string, signal: AbortSignal) => At) {
  const limit = pLimit(MAX_TRANSFERS);
  const flights = new Map<string, Promise<BlobArrival>>();

  const bring = async (it: At, transfer: BlobTransfer): Promise<BlobArrival> => {
    const { store } = it;
    const { digest, size } = transfer.blob;
    await store.begin(it);
    if (await store.has(it, digest, size)) return 'present';
    await limit(() =>
      putFile(it, store.disk, blobPath(store.disk, digest), (file) => writePieces(it, transfer, file)),
    );
    store.wrote(digest);
    return 'copied';
  };

  const transferBlob: TargetRegistry['transferBlob'] = async (transfer, signal) => {
    const { blob, to } = transfer;
    const it = at(to, `copy blob ${blob.digest} to`, signal);
    checkTime(it);
    const key = `${nameOf(to)} ${blob.digest}`;
    for (let under = flights.get(key); under; under = flights.get(key)) {
      // One that broke off may have been stopped by its own image: this one tries by itself.
      if ((await under.catch(() => undefined)) !== undefined) return 'shared';
      checkTime(it);
    }
    const mine = bring(it, transfer);
    flights.set(key, mine);
    return mine.finally(() => flights.delete(key));
  };

  return {
    transferBlob,
    /** Puts a small blob in place that was made here. */
    putBlob: async (it: At, digest: Digest, bytes: Uint8Array): Promise<void> => {
      const { store } = it;
      await store.begin(it);
      if (await store.has(it, digest, bytes.byteLength)) return;
      await putFile(it, store.disk, blobPath(store.disk, digest), (file) => file.writeFile(bytes));
      store.wrote(digest);
    },
  };
}

/** Writes a blob as it comes; its size and digest are proven before it gets its name. */
async function writePieces(it: At, transfer: BlobTransfer, file: FileHandle): Promise<void> {
  const { blob, onBytes } = transfer;
  const ofSource = {
    ...it,
    operation: `read blob ${blob.digest} of ${nameOf(transfer.from)}`,
    side: 'source',
  } as const;
  const hash = createHash(digestAlgorithm(blob.digest));
  let written = 0;
  for await (const piece of piecesOf(transfer, ofSource)) {
    written += piece.byteLength;
    if (written > blob.size)
      throw fault(ofSource, 'RegistryMisbehaved', 'the blob is longer than its descriptor says');
    hash.update(piece);
    await file.writeFile(piece);
    onBytes?.(piece.byteLength);
    checkTime(it);
  }
  if (written < blob.size)
    throw fault(ofSource, 'RegistryMisbehaved', 'the blob is shorter than its descriptor says');
  if (hash.digest('hex') !== digestHex(blob.digest))
    throw fault(ofSource, 'RegistryMisbehaved', 'the bytes are not those that the digest names');
}

/** The bytes of a blob; after a break that may pass they are asked for again from where it broke off. */
async function* piecesOf(
  { blob, source, from }: BlobTransfer,
  doing: Pick<At, 'operation' | 'side' | 'signal'>,
): AsyncGenerator<Uint8Array> {
  const leave = new AbortController();
  const signal = AbortSignal.any([doing.signal, leave.signal]);
  try {
    for (let [at, resumes] = [0, 0]; ; resumes += 1) {
      try {
        const opened = await source.openBlob(from, blob, at, signal);
        if (!opened)
          throw fault(doing, 'RegistryMisbehaved', 'it does not have a blob that its manifest lists');
        for await (const piece of opened) {
          at += piece.byteLength;
          yield piece;
        }
        return;
      } catch (error) {
        checkTime(doing);
        if (resumes === MAX_RESUMES || !(error instanceof Fault && error.transient)) throw error;
        await sleep(FIRST_RESUME_MS * 2 ** resumes, undefined, { signal }).catch(() => undefined);
      }
    }
  } finally {
    leave.abort();
  }
}

/** What a manifest lists and its folder does not have with the size that is declared; `undefined` where it has all. */
export async function lacking(it: At, manifest: Manifest, depth = 0): Promise<Digest | undefined> {
  const { config, layers, manifests } = manifest;
  const blobs = [...(config ? [config] : []), ...layers].filter(({ isElsewhere }) => !isElsewhere);
  for (const { digest, size } of [...blobs, ...manifests]) {
    const found = await statusOf(it, blobPath(it.store.disk, digest));
    if (!found?.isFile() || found.size !== size) return digest;
  }
  for (const child of depth < MAX_DEPTH ? manifests : []) {
    const content = await readContent(it, child.digest);
    const lacks = content ? await lacking(it, content.manifest, depth + 1) : child.digest;
    if (lacks !== undefined) return lacks;
  }
  return undefined;
}
