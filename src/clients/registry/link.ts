import { objectionToUrl, parseSentUrl } from '../http/index.ts';
import { isAbsent, readBody } from './answer.ts';
import { askedOf, send, type Answer, type Ask, type Call } from './call.ts';
import { fault, quote, misbehaved } from './fault.ts';

/** `<target>; parameters` (RFC 8288 §3); commas inside the angle brackets belong to the target. */
const LINK = /<([^<>]*)>([^<]*)/g;
const REL_NEXT = /;\s*rel\s*=\s*(?:"(?:[^"]*\s)?next(?:\s[^"]*)?"|next\b)/i;

/**
 * The next page of a listing, by `Link: …; rel="next"`; `undefined` after the last. It is followed only within the same
 * repository of the same registry: a link to another host would make us send requests there (CVE-2023-33957).
 */
function nextPage(call: Call, answer: Answer, placed?: Listing<unknown>['placed']): URL | undefined {
  const links = [answer.headers.link ?? []].flat().join(', ');
  const next = [...links.matchAll(LINK)].find(([, , parameters = '']) => REL_NEXT.test(parameters))?.[1];
  if (next === undefined) return undefined;
  const url = parseSentUrl(next, answer.url);
  if (url !== undefined && isWithin(call, url)) return askedOf(call, url);
  const own = url && placed?.(url);
  if (own !== undefined) return askedOf(call, own);
  const where = url === undefined ? 'no valid address' : quote(url.host + url.pathname);
  throw fault(call, 'UntrustedEndpoint', `the listing continues at ${where}, outside of the repository`);
}

function isWithin({ endpoint, repository }: Call, url: URL): boolean {
  if (url.origin !== endpoint.origin || objectionToUrl(url, endpoint, endpoint.rules)) return false;
  return url.pathname.startsWith(`/v2/${repository}/`) && !ENCODED_STEP.test(url.pathname);
}

/** A dot or slash that is written in code: servers that read it as one would leave the repository by it. */
const ENCODED_STEP = /%(?:2e|2f|5c)/i;

/** What a page brings, and how many entries it listed: those that are left out count, too. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly entries: number;
}

interface Listing<T> {
  readonly maxPages: number;
  readonly maxEntries: number;
  /** Of all pages together. */
  readonly maxBytes: number;
  readonly ask: Omit<Ask, 'url'>;
  readonly read: (bytes: Uint8Array, page: Answer) => Promise<Page<T>>;
  /** The page of this listing that a link means which leads elsewhere; absent = none. */
  readonly placed?: (next: URL) => URL | undefined;
}

/** Reads all pages after the first, whose body is read. More than the limits is a Fault `LimitExceeded`: half a listing is not an answer. */
export async function readPages<T>(
  call: Call,
  first: { readonly page: Answer; readonly bytes: Uint8Array },
  { maxPages, maxEntries, maxBytes, ask, read: parsePage, placed }: Listing<T>,
): Promise<readonly T[]> {
  const all: T[] = [];
  let [entries, left] = [0, maxBytes];
  const seen = new Set<string>();
  for (let { page, bytes } = first; ; bytes = await readBody(call, page, left)) {
    left -= bytes.byteLength;
    const read = await parsePage(bytes, page);
    entries += read.entries;
    for (const item of read.items) all.push(item);
    if (entries > maxEntries)
      throw fault(call, 'LimitExceeded', `the listing has more than ${maxEntries} entries`);
    const next = nextPage(call, page, placed);
    if (next === undefined) return all;
    if (seen.has(next.href)) throw misbehaved(call, 'the listing goes round in circles');
    seen.add(next.href);
    if (seen.size >= maxPages)
      throw fault(call, 'LimitExceeded', `the listing has more than ${maxPages} pages`);
    page = await send(call, { ...ask, url: next });
    if (await isAbsent(call, page)) throw misbehaved(call, 'a page of the listing is missing');
  }
}

/**
 * Where a registry leads us from the address of its answer, or a Fault when that is nowhere or must not be gone to (see
 * {@link objectionToUrl}). `verb` is how it does so: `redirects`.
 */
export function placeOf(call: Call, from: URL, location: string, verb: string): URL {
  const target = parseSentUrl(location, from);
  if (target === undefined) throw misbehaved(call, `it ${verb} to no valid address`);
  const isDowngrade = from.protocol === 'https:' && target.protocol === 'http:';
  const objection = isDowngrade
    ? 'it is plain http'
    : objectionToUrl(target, call.endpoint, call.endpoint.rules);
  if (objection === undefined) return target;
  throw fault(call, 'UntrustedEndpoint', `it ${verb} to ${quote(target.host)}: ${objection}`);
}
