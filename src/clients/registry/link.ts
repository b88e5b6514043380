import type { Call } from './call.ts';
import type { Answer } from './exchange.ts';
import { fault, quote } from './fault.ts';

/** `<target>; parameters` (RFC 8288 §3); commas inside the angle brackets belong to the target. */
const LINK = /<([^<>]*)>([^<]*)/g;
const REL_NEXT = /;\s*rel\s*=\s*(?:"(?:[^"]*\s)?next(?:\s[^"]*)?"|next\b)/i;

/**
 * The next page of a listing, by `Link: …; rel="next"`; `undefined` after the last. It is followed only within the same
 * repository of the same registry: a link to another host would make us send requests there (CVE-2023-33957).
 */
export function nextPage(call: Call, answer: Answer): URL | undefined {
  const links = [answer.headers.link ?? []].flat().join(', ');
  const next = [...links.matchAll(LINK)].find(([, , parameters = '']) => REL_NEXT.test(parameters))?.[1];
  if (next === undefined) return undefined;
  const url = URL.canParse(next, answer.url.href) ? new URL(next, answer.url.href) : undefined;
  const within = `/v2/${call.repository}/`;
  if (url?.origin === call.endpoint.origin && url.pathname.startsWith(within)) return url;
  const where = url === undefined ? 'no valid address' : quote(url.host + url.pathname);
  throw fault(call, 'UntrustedEndpoint', `the listing continues at ${where}, outside of the repository`);
}

/** How much of a listing is read. */
interface ListingLimits {
  readonly maxPages: number;
  readonly maxEntries: number;
}

/** One page of a listing, read. */
export interface Page<T> {
  readonly entries: readonly T[];
  readonly next: URL | undefined;
}

/** Reads all pages from `first` on. More than the limits is a Fault `LimitExceeded`: half a listing is not an answer. */
export async function readPages<T>(
  call: Call,
  first: Page<T>,
  limits: ListingLimits,
  read: (url: URL) => Promise<Page<T>>,
): Promise<readonly T[]> {
  const all: T[] = [];
  const seen = new Set<string>();
  let page = first;
  for (;;) {
    all.push(...page.entries);
    if (all.length > limits.maxEntries) {
      throw fault(call, 'LimitExceeded', `the listing has more than ${String(limits.maxEntries)} entries`);
    }
    if (page.next === undefined) return all;
    if (seen.has(page.next.href))
      throw fault(call, 'RegistryMisbehaved', 'the listing goes round in circles');
    seen.add(page.next.href);
    if (seen.size >= limits.maxPages) {
      throw fault(call, 'LimitExceeded', `the listing has more than ${String(limits.maxPages)} pages`);
    }
    page = await read(page.next);
  }
}
