import { formatReference, nameOf } from '../../core/model/index.ts';
import type { SourceRegistry } from '../../core/promotion/index.ts';
import { openBlob, readBlob } from './blob.ts';
import type { Begin } from './call.ts';
import { readContent, readTagDigest } from './manifest.ts';
import { readFallbackTag, readReferrers } from './referrers.ts';
import { readTags } from './tags.ts';
import type { Send } from './transport.ts';

/** Makes the reads over a transport. */
export function readsOver(send: Send, begin: Begin): SourceRegistry {
  return {
    manifest: async (ref, signal) => {
      const call = begin('manifest', `read manifest of ${formatReference(ref)}`, ref, signal);
      return (await readContent(send, call, ref))?.manifest;
    },
    content: (ref, signal) => {
      const call = begin('manifest', `read manifest of ${formatReference(ref)}`, ref, signal);
      return readContent(send, { ...call, patient: true }, ref);
    },
    tagDigest: (ref, signal) =>
      readTagDigest(send, begin('tag', `resolve ${formatReference(ref)}`, ref, signal), ref),
    referrers: (image, signal) =>
      readReferrers(
        send,
        begin('referrers', `list referrers of ${formatReference(image)}`, image, signal),
        image.digest,
      ),
    fallbackReferrers: (image, signal) =>
      readFallbackTag(
        send,
        begin('referrers', `read the fallback tag of ${formatReference(image)}`, image, signal),
        image.digest,
      ),
    blob: (repository, descriptor, maxBytes, signal) =>
      readBlob(
        send,
        begin('blob', `read blob ${descriptor.digest} of ${nameOf(repository)}`, repository, signal),
        descriptor,
        maxBytes,
      ),
    openBlob: (repository, blob, offset, signal) =>
      openBlob(
        send,
        begin('download', `read blob ${blob.digest} of ${nameOf(repository)}`, repository, signal),
        blob,
        offset,
      ),
    tags: (repository, signal) =>
      readTags(send, begin('tags', `list tags of ${nameOf(repository)}`, repository, signal)),
  };
}
