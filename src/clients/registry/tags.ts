import { objectOf, parseCounted } from '../../core/model/index.ts';
import { discard } from '../http/index.ts';
import { isAbsent, parseAnswer, readBody } from './answer.ts';
import { askedOf, send, urlIn, type Call } from './call.ts';
import { misbehaved } from './fault.ts';
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
  const read = (page: Uint8Array): Promise<Page<string>> =>
    parseAnswer(call, 'tags', { bytes: page }).then((items) => ({ items, entries: items.length }));
  return readNames(call, urlIn(call, 'tags/list'), read);
}

/**
 * Lists the repositories of a registry (distribution project, "Listing Repositories"), in its order and each once; `undefined` for a plain
 * 404. No registry has to have it, and most show it to few logins.
 */
export async function readCatalog(call: Call): Promise<readonly string[] | undefined> {
  const read = (page: Uint8Array): Promise<Page<string>> => {
    const { repositories } = objectOf(parseCounted(page));
    if (!Array.isArray(repositories)) throw misbehaved(call, 'it does not list its repositories');
    const items = repositories.filter((name) => typeof name === 'string');
    return Promise.resolve({ items, entries: repositories.length });
  };
  return readNames(call, new URL('/v2/_catalog', call.endpoint.origin), read);
}

/** All pages of a listing of names. */
async function readNames(
  call: Call,
  url: URL,
  read: (page: Uint8Array) => Promise<Page<string>>,
): Promise<readonly string[] | undefined> {
  const ask = { method: 'GET' } as const;
  let first = await send(call, { ...ask, url: askedOf(call, paged(url, `n=${TAGS_PER_PAGE}`)) });
  if (first.status === 400) {
    // Some registries refuse more than they give at a time, instead of giving less (distribution#4844).
    await discard(first);
    first = await send(call, { ...ask, url });
  }
  if (await isAbsent(call, first)) return undefined;
  const bytes = await readBody(call, first, MAX_TAG_BYTES);
  const limits = { maxPages: MAX_TAG_PAGES, maxEntries: MAX_TAGS, maxBytes: MAX_TAG_BYTES };
  const placed = (next: URL): URL | undefined => pageAfter(url, next);
  return [...new Set(await readPages(call, { page: first, bytes }, { ...limits, ask, read, placed }))];
}

/**
 * The page that a link means which leads elsewhere: this list, continued at the link's mark. Registries behind proxies name a host of
 * their own (Nexus), others leave out a part of the path (Artifactory). Requests go to the list itself, wherever the link leads.
 */
function pageAfter(list: URL, { pathname, search, searchParams }: URL): URL | undefined {
  const isList = /\/(?:tags\/list|_catalog)$/.exec(pathname)?.[0];
  return isList !== undefined && list.pathname.endsWith(isList) && searchParams.has('last')
    ? paged(list, search)
    : undefined;
}

function paged(list: URL, query: string): URL {
  const url = new URL(list);
  url.search = query;
  return url;
}
