import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FileHandle } from 'node:fs/promises';
import pLimit from 'p-limit';
import { digestAlgorithm, digestHex, Fault, nameOf } from '../../core/model/index.ts';
import type { Digest, ImageRef } from '../../core/model/index.ts';
import type { BlobArrival, BlobTransfer, TargetRegistry } from '../../core/promotion/index.ts';
import { blobPath, putFile } from './disk.ts';
import { checkTime, fault } from './fault.ts';
import type { At } from './graph.ts';

/** Blobs on their way to disks at the same time: each holds a connection and a file. */
const MAX_TRANSFERS = 16;
/** Most times one blob is asked for again after its source broke off. */
const MAX_RESUMES = 8;
/** The pause before the first of them, in milliseconds; each further one is twice as long. */
const FIRST_RESUME_MS = 50;

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
  transfer: BlobTransfer,
  doing: Pick<At, 'operation' | 'side' | 'signal'>,
): AsyncGenerator<Uint8Array> {
  const leave = new AbortController();
  const signal = AbortSignal.any([doing.signal, leave.signal]);
  const progress = { at: 0 };
  try {
    for (let resumes = 0; ; resumes += 1) {
      const broken = yield* stretchOf(transfer, { ...doing, signal }, progress);
      if (!broken) return;
      checkTime(doing);
      if (resumes === MAX_RESUMES || !broken.transient) throw broken;
      await sleep(FIRST_RESUME_MS * 2 ** resumes, undefined, { signal }).catch(() => undefined);
    }
  } finally {
    leave.abort();
  }
}

/** The bytes from where they broke off to the end, or to the Fault that it ends with. */
async function* stretchOf(
  { blob, source, from }: BlobTransfer,
  doing: Pick<At, 'operation' | 'side' | 'signal'>,
  progress: { at: number },
): AsyncGenerator<Uint8Array, Fault | undefined> {
  try {
    const opened = await source.openBlob(from, blob, progress.at, doing.signal);
    if (!opened) return fault(doing, 'RegistryMisbehaved', 'it does not have a blob that its manifest lists');
    for await (const piece of opened) {
      progress.at += piece.byteLength;
      yield piece;
    }
    return undefined;
  } catch (error) {
    if (error instanceof Fault) return error;
    checkTime(doing);
    throw error;
  }
}
