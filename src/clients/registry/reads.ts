import * as z from 'zod';
import { formatReference, isTag, nameOf, type ImageRef } from '../../core/model/index.ts';
import type { SourceRegistry } from '../../core/promotion/index.ts';
import { isAbsent, readJson } from './answer.ts';
import { openBlob, readBlob } from './blob.ts';
import { send, urlIn, type Answer, type Begin, type Call } from './call.ts';
import { misbehaved } from './fault.ts';
import { readContent, readTagDigest } from './manifest.ts';
import { readFallbackTag, readReferrers } from './referrers.ts';
import { readPages } from './link.ts';

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

/** Most tags read of one repository: tens of thousands occur where every build leaves one. */
export const MAX_TAGS = 50_000;
/** Most pages of tags; registries that cap pages at 100 still get through 20,000 tags. */
export const MAX_TAG_PAGES = 200;
/** Tags asked for per page: the most that all large registries accept. */
const TAGS_PER_PAGE = 1_000;
/** Largest page in bytes: {@link MAX_TAGS} full-length tags from a registry that does not page. */
const MAX_TAG_PAGE_BYTES = 8 * 1024 * 1024;

const tags = z.array(z.unknown());
// A registry without tags writes null, or leaves the field out beside its name; what has neither is no list.
const wire = z.union([
  z.object({ tags: tags.nullable() }),
  z.object({ name: z.string(), tags: tags.nullish() }),
]);

/** Lists all tags, in the registry's order and each once; `undefined` for a plain 404. */
async function readTags(call: Call): Promise<readonly string[] | undefined> {
  const ask = { method: 'GET' } as const;
  const first = await send(call, { ...ask, url: urlIn(call, `tags/list?n=${TAGS_PER_PAGE}`) });
  if (await isAbsent(call, first)) return undefined;
  const read = async (page: Answer): Promise<readonly string[]> => {
    const body = wire.safeParse(await readJson(call, page, MAX_TAG_PAGE_BYTES));
    if (!body.success) throw misbehaved(call, 'the list of tags cannot be read');
    return (body.data.tags ?? []).filter((tag): tag is string => typeof tag === 'string' && isTag(tag));
  };
  const limits = { maxPages: MAX_TAG_PAGES, maxEntries: MAX_TAGS };
  return [...new Set(await readPages(call, first, { ...limits, ask, read }))];
}
