import { isAbsent, parseAnswer, readBody } from './answer.ts';
import { send, urlIn, type Call } from './call.ts';
import { readPages, type Page } from './link.ts';

/** Most tags read of one repository: tens of thousands occur where every build leaves one. */
export const MAX_TAGS = 50_000;
/** Most pages of tags; registries that cap pages at 100 still get through 20,000 tags. */
export const MAX_TAG_PAGES = 200;
/** Tags asked for per page: the most that all large registries accept. */
const TAGS_PER_PAGE = 1_000;
/** Most bytes of all pages: {@link MAX_TAGS} tags of the usual length, and of full length from a registry that does not page. */
const MAX_TAG_BYTES = 8 * 1024 * 1024;

/** Lists all tags, in the registry's order and each once; `undefined` for a plain 404. */
export async function readTags(call: Call): Promise<readonly string[] | undefined> {
  const ask = { method: 'GET' } as const;
  const first = await send(call, { ...ask, url: urlIn(call, `tags/list?n=${TAGS_PER_PAGE}`) });
  if (await isAbsent(call, first)) return undefined;
  const bytes = await readBody(call, first, MAX_TAG_BYTES);
  const read = async (page: Uint8Array): Promise<Page<string>> => {
    const items = await parseAnswer(call, 'tags', { bytes: page });
    return { items, entries: items.length };
  };
  const limits = { maxPages: MAX_TAG_PAGES, maxEntries: MAX_TAGS, maxBytes: MAX_TAG_BYTES };
  return [...new Set(await readPages(call, { page: first, bytes }, { ...limits, ask, read }))];
}
