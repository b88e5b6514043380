import { formatReference } from '../../core/model/index.ts';
import type { Digest, ImageRef, ManifestContent, PinnedRef } from '../../core/model/index.ts';
import { deleteNamed, type Deletion } from './deletion.ts';
import { createFallbackTags, type Turns } from './fallback-tags.ts';
import { pushManifest } from './push-manifest.ts';
import {
  createTransfers,
  type BlobArrival,
  type BlobTransfer,
  type TransferParts,
} from './transfer/transfer.ts';

/**
 * Writes to any number of registries. Nobody waits at a prompt for it: a write has no time limit but its `signal` and a limit
 * on silence, and sits out the pauses a registry asks for. Faults are those of reads, of side `target`; besides,
 * `RegistryDenied` is whatever the registry does not let us change, and `LimitExceeded` what is too large for it.
 */
export interface RegistryWrites {
  /**
   * Brings a blob: mounted where a repository of the same registry has it, else streamed with size and digest proven on the
   * way. The same blob for the same repository travels once, however many ask; each may leave without harm to the others.
   */
  transferBlob(transfer: BlobTransfer, signal: AbortSignal): Promise<BlobArrival>;
  /** Pushes a small blob; one that is there already costs a HEAD. */
  pushBlob(repository: ImageRef, bytes: Uint8Array, signal: AbortSignal): Promise<Digest>;
  /**
   * Pushes a manifest as these bytes, under the digest of the reference, else its tag, else its own digest. One with a
   * subject is listed under the fallback tag where the registry does not list it: merged into what is there, and read back.
   */
  pushManifest(to: ImageRef, content: ManifestContent, signal: AbortSignal): Promise<void>;
  /** Deletes a manifest by its digest, and with it every tag of it. */
  deleteManifest(image: PinnedRef, signal: AbortSignal): Promise<Deletion>;
  /** Takes a tag away and leaves the manifest; `refused` where the registry does not do that. */
  deleteTag(tag: ImageRef, signal: AbortSignal): Promise<Deletion>;
  /** Milliseconds for which this registry wants to be left alone before another image is begun; 0 = go on. */
  restMs(registry: string): number;
}

/** What the writes of one set of logins are made with. */
export interface WriteParts extends TransferParts {
  readonly turns: Turns;
  readonly random: () => number;
  readonly restMs: RegistryWrites['restMs'];
}

/** Makes the writes over a transport. */
export function writesOver(parts: WriteParts): RegistryWrites {
  const { send, begin, restMs, turns } = parts;
  const transfers = createTransfers(parts);
  const fallbackTags = createFallbackTags(parts);
  return {
    transferBlob: transfers.transfer,
    pushBlob: transfers.push,
    pushManifest: (to, content, signal) =>
      pushManifest({ send, begin, fallbackTags, turns }, { to, content }, signal),
    deleteManifest: (image, signal) =>
      deleteNamed(
        send,
        begin('delete', `delete manifest ${formatReference(image)}`, image, signal),
        image.digest,
      ),
    deleteTag: (ref, signal) =>
      deleteNamed(
        send,
        begin('delete', `delete tag ${formatReference(ref)}`, ref, signal),
        ref.tag ?? 'latest',
      ),
    restMs,
  };
}
