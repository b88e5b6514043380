import { fallbackTag, matchesDigest, MAX_MANIFEST_BYTES, MEDIA_TYPE } from '../../core/model/index.ts';
import type { AnnotationKeys, Descriptor, Digest, Listing } from '../../core/model/index.ts';
import { contentType, drop, parseAnswer, readBody, refuseOtherMeaning } from './answer.ts';
import { send, urlIn, type Answer, type Call } from './call.ts';
import { fault, faultOfStatus, misbehaved } from './fault.ts';
import { readPages, type Page } from './link.ts';
import { putManifest, readRawManifest } from './manifest.ts';
import { pause } from './pause.ts';

/** Most referrers of one image that are read; images have a handful, and a flood must end in a clear no (CVE-2024-29903). */
export const MAX_REFERRERS = 2_000;
/** Most pages of referrers; registries page by hundreds or by 4 MiB. */
export const MAX_REFERRER_PAGES = 40;

/** Most bytes of all pages together: what the fallback tag could hold. */
const LIMITS = { maxPages: MAX_REFERRER_PAGES, maxEntries: MAX_REFERRERS, maxBytes: MAX_MANIFEST_BYTES };

/**
 * Statuses by which a registry without the API answers the unknown path (Artifactory: 406). 303 leads to something else that is not
 * the answer (RFC 9110 §15.4.4; ghcr.io: a page for people on another host, which limits its readers): it is not gone to.
 */
const NO_API: ReadonlySet<number> = new Set([303, 400, 404, 405, 406, 410, 415, 501]);
/** Types of a page for people. */
const PAGES: ReadonlySet<string | undefined> = new Set(['text/html', 'application/xhtml+xml']);

/**
 * Lists what refers to an image (distribution spec 1.1, "Listing Referrers"): by the API, or by the fallback tag where
 * there is no API. A listing is known by its body, because registries serve it under other types (Harbor 2.9.1). Only a plain
 * answer that there is no API counts as such: anything else is a Fault, because taking it for an empty list would hide
 * signatures and quarantine flags alike.
 */
export async function readReferrers(
  call: Call,
  digest: Digest,
  keys?: AnnotationKeys,
): Promise<readonly Descriptor[]> {
  const ask = { method: 'GET', headers: { accept: MEDIA_TYPE.ociIndex } } as const;
  const url = urlIn(call, `referrers/${digest}`);
  const first = await send(call, { ...ask, url, isAnswer: 303 });
  if (first.status !== 200) {
    await expectNoApi(call, first);
    return readFallbackTag(call, digest, keys);
  }
  const opening = await readBody(call, first, MAX_MANIFEST_BYTES);
  const parse = (bytes: Uint8Array, page: Answer): Promise<Listing> =>
    parseAnswer(call, 'listing', { bytes, contentType: contentType(page), keys });
  const { read: listed } = await parse(opening, first);
  if (listed === undefined && !call.mustList && PAGES.has(contentType(first))) {
    const tagged = await readTagged(call, digest, keys);
    // A registry without the API may lead to a page for people (ghcr.io). A page in place of the answer may hide a listing.
    if (tagged !== undefined || first.url.href !== url.href) return tagged ?? [];
  }
  const read = async (bytes: Uint8Array, page: Answer): Promise<Page<Descriptor>> =>
    understood(call, page === first ? listed : (await parse(bytes, page)).read);
  return eachOnce(await readPages(call, { page: first, bytes: opening }, { ...LIMITS, ask, read }));
}

/** A referrer may be on two pages. */
function eachOnce(descriptors: readonly Descriptor[]): readonly Descriptor[] {
  const first = new Map<Digest, Descriptor>();
  for (const one of descriptors) if (!first.has(one.digest)) first.set(one.digest, one);
  return [...first.values()];
}

/** Reads the answer of a registry without the API; a Fault when it is another one. */
async function expectNoApi(call: Call, answer: Answer): Promise<void> {
  if (NO_API.has(answer.status)) {
    await refuseOtherMeaning(call, answer);
    if (call.mustList)
      throw misbehaved(call, 'it lists no referrers, and what it lacks is to count as absent');
    return;
  }
  drop(answer);
  throw faultOfStatus(call, answer);
}

/** The listing under the fallback tag; empty when there is no such tag. `keys` = the annotations to keep. */
export async function readFallbackTag(
  call: Call,
  digest: Digest,
  keys?: AnnotationKeys,
): Promise<readonly Descriptor[]> {
  return (await readTagged(call, digest, keys)) ?? [];
}

/** `undefined` when there is no such tag. A copy of a signature lying under it is an image manifest and lists nothing. */
async function readTagged(
  call: Call,
  digest: Digest,
  keys?: AnnotationKeys,
): Promise<readonly Descriptor[] | undefined> {
  const raw = await readRawManifest(call, fallbackTag(digest));
  if (raw === undefined) return undefined;
  // Some registries take the tag for the digest and send the image itself (GitLab): its children are no referrers.
  if (matchesDigest(raw.bytes, digest)) return undefined;
  const { isNamedImage, isNamedIndex, hasManifests, read } = await parseAnswer(call, 'listing', {
    ...raw,
    keys,
  });
  if (isNamedImage && !isNamedIndex && !hasManifests) return [];
  const { entries, items } = understood(call, isNamedImage ? undefined : read);
  if (entries > MAX_REFERRERS)
    throw fault(call, 'LimitExceeded', `the listing has more than ${MAX_REFERRERS} entries`);
  return items;
}

function understood(call: Call, page: Page<Descriptor> | undefined): Page<Descriptor> {
  if (page === undefined) throw misbehaved(call, 'the listing of referrers cannot be read');
  return page;
}

/** Most times a listing is written again because another writer has overwritten our entry. */
const MAX_REWRITES = 5;
/** Longest pause before it is written again, in milliseconds, doubled each time: two writers must fall out of step. */
const REWRITE_PAUSE_MS = 100;

/** A listing of nothing. */
const EMPTY = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex }));

/**
 * Adds an entry to the listing of a subject that stands in for the referrers API (distribution spec 1.1, "Referrers Tag
 * Schema"), and makes sure that it stays. For one caller at a time; `random` (from 0 to before 1) sets two writers apart.
 */
export async function addToFallbackTag(
  call: Call,
  subject: Digest,
  entry: Descriptor,
  random: () => number,
): Promise<void> {
  const tag = fallbackTag(subject);
  for (let rewrites = 0; ; rewrites += 1) {
    // Nothing at all is an empty listing, and what is no listing is never written over.
    const { bytes, contentType } = (await readRawManifest(call, tag)) ?? { bytes: EMPTY };
    const merged = await parseAnswer(call, 'entry', { bytes, contentType, entry });
    if (merged.bytes === undefined) return;
    if (rewrites > MAX_REWRITES)
      throw fault(call, 'RegistryUnavailable', 'others keep writing the fallback tag at the same time');
    // What others have written meanwhile is in it: it was read after our own last writing.
    if (rewrites > 0) await pause(call, random() * REWRITE_PAUSE_MS * 2 ** rewrites);
    await putManifest(call, tag, merged.mediaType, merged.bytes);
  }
}
