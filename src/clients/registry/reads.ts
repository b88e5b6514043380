import { formatReference, nameOf, type ImageRef } from '../../core/model/index.ts';
import type { SourceRegistry } from '../../core/promotion/index.ts';
import { openBlob, readBlob } from './blob.ts';
import type { Begin, Call } from './call.ts';
import { readContent, readTagDigest } from './manifest.ts';
import { readFallbackTag, readReferrers } from './referrers.ts';
import { readTags } from './tags.ts';

/** Makes the reads of one set of logins. */
export function readsOver(begin: Begin): SourceRegistry {
  const reading = (ref: ImageRef, signal: AbortSignal): Call =>
    begin('manifest', `read manifest of ${formatReference(ref)}`, ref, signal);
  return {
    manifest: async (ref, signal) => (await readContent(reading(ref, signal), ref))?.manifest,
    content: (ref, signal) => readContent({ ...reading(ref, signal), patient: true }, ref),
    tagDigest: (ref, signal) =>
      readTagDigest(begin('tag', `resolve ${formatReference(ref)}`, ref, signal), ref),
    referrers: (image, signal) => {
      const call = begin('referrers', `list referrers of ${formatReference(image)}`, image, signal);
      return readReferrers(call, image.digest);
    },
    fallbackReferrers: (image, signal) => {
      const doing = `read the fallback tag of ${formatReference(image)}`;
      return readFallbackTag(begin('referrers', doing, image, signal), image.digest);
    },
    blob: (repository, blob, maxBytes, signal) => {
      const doing = `read blob ${blob.digest} of ${nameOf(repository)}`;
      return readBlob(begin('blob', doing, repository, signal), blob, maxBytes);
    },
    openBlob: (repository, blob, offset, signal) => {
      const doing = `read blob ${blob.digest} of ${nameOf(repository)}`;
      return openBlob(begin('download', doing, repository, signal), blob, offset);
    },
    tags: (repository, signal) =>
      readTags(begin('tags', `list tags of ${nameOf(repository)}`, repository, signal)),
  };
}
