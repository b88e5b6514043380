import * as z from 'zod';
import { isTag } from '../../core/model/index.ts';
import { isAbsent, readJson } from './answer.ts';
import { send, urlIn, type Answer, type Call } from './call.ts';
import { fault } from './fault.ts';
import { readPages } from './link.ts';

/** Most tags read of one repository: tens of thousands occur where every build leaves one. */
export const MAX_TAGS = 50_000;
/** Most pages of tags; registries that cap pages at 100 still get through 20,000 tags. */
export const MAX_TAG_PAGES = 200;
/** Tags asked for per page: the most that all large registries accept. */
const TAGS_PER_PAGE = 1_000;
/** Largest page in bytes: {@link MAX_TAGS} full-length tags from a registry that does not page. */
const MAX_TAG_PAGE_BYTES = 8 * 1024 * 1024;

const wire = z.object({ tags: z.array(z.unknown()).nullish() });

/** Lists all tags, in the registry's order and each once; `undefined` for a plain 404. */
export async function readTags(call: Call): Promise<readonly string[] | undefined> {
  const ask = { method: 'GET' } as const;
  const first = await send(call, { ...ask, url: urlIn(call, `tags/list?n=${TAGS_PER_PAGE}`) });
  if (await isAbsent(call, first)) return undefined;
  const read = async (page: Answer): Promise<readonly string[]> => {
    const body = wire.safeParse(await readJson(call, page, MAX_TAG_PAGE_BYTES));
    if (!body.success) throw fault(call, 'RegistryMisbehaved', 'the list of tags cannot be read');
    return (body.data.tags ?? []).filter((tag): tag is string => typeof tag === 'string' && isTag(tag));
  };
  const limits = { maxPages: MAX_TAG_PAGES, maxEntries: MAX_TAGS };
  return [...new Set(await readPages(call, first, { ...limits, ask, read }))];
}
