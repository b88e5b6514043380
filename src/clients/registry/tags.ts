import * as z from 'zod';
import { isTag } from '../../core/model/index.ts';
import { isAbsent, readJson } from './body.ts';
import type { Call } from './call.ts';
import { discard, type Answer } from './exchange.ts';
import { fault, faultOfStatus } from './fault.ts';
import { nextPage, readPages, type Page } from './link.ts';
import type { Send } from './transport.ts';

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
export async function readTags(send: Send, call: Call): Promise<readonly string[] | undefined> {
  const url = new URL(`/v2/${call.repository}/tags/list?n=${String(TAGS_PER_PAGE)}`, call.endpoint.origin);
  const first = await send(call, { method: 'GET', url });
  if (await isAbsent(call, first)) return undefined;
  const tags = await readPages(
    call,
    await readPage(call, first),
    { maxPages: MAX_TAG_PAGES, maxEntries: MAX_TAGS },
    async (next) => readPage(call, await send(call, { method: 'GET', url: next })),
  );
  return [...new Set(tags)];
}

async function readPage(call: Call, answer: Answer): Promise<Page<string>> {
  if (answer.status !== 200) {
    await discard(answer);
    throw faultOfStatus(call, answer.url.host, answer.status);
  }
  const body = wire.safeParse(await readJson(call, answer, MAX_TAG_PAGE_BYTES));
  if (!body.success) throw fault(call, 'RegistryMisbehaved', 'the list of tags cannot be read');
  const entries = (body.data.tags ?? []).filter((tag) => typeof tag === 'string' && isTag(tag));
  return { entries: entries as string[], next: nextPage(call, answer) };
}
