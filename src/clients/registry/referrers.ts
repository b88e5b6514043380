import * as z from 'zod';
import {
  descriptorSchema,
  isIndexType,
  isManifestType,
  MAX_MANIFEST_BYTES,
  MEDIA_TYPE,
  parseDigest,
  type Descriptor,
  type Digest,
  parseJson,
  fallbackTag,
  listOf,
  objectOf,
  textOf,
} from '../../core/model/index.ts';
import { contentType, drop, readBody, refuseOtherMeaning } from './answer.ts';
import { send, urlIn, type Answer, type Call } from './call.ts';
import { fault, faultOfStatus, misbehaved } from './fault.ts';
import { readPages } from './link.ts';
import { putManifest, readRawManifest } from './manifest.ts';
import { pause } from './pause.ts';

/** Most referrers of one image that are read; images have a handful, and a flood must end in a clear no (CVE-2024-29903). */
export const MAX_REFERRERS = 2_000;
/** Most pages of referrers; registries page by hundreds or by 4 MiB. */
export const MAX_REFERRER_PAGES = 40;

const LIMITS = { maxPages: MAX_REFERRER_PAGES, maxEntries: MAX_REFERRERS };
// What makes it a listing: `manifests` is there. Registries that list nothing may write null.
const listing = z.object({
  schemaVersion: z.unknown().optional(),
  mediaType: z.string().nullish(),
  manifests: z.array(z.unknown()).nullable(),
  config: z.null().optional(),
  layers: z.array(z.never()).nullish(),
});
const nameable = z.object({ mediaType: z.string().min(1), digest: z.string() });

/** Statuses by which a registry without the API answers the unknown path (Artifactory: 406). */
const NO_API: ReadonlySet<number> = new Set([400, 404, 405, 406, 501]);
/** Types of a page for people. */
const PAGES: ReadonlySet<string | undefined> = new Set(['text/html', 'application/xhtml+xml']);

/**
 * Lists what refers to an image (distribution spec 1.1, "Listing Referrers"): by the API, or by the fallback tag where
 * there is no API. A listing is known by its body, because registries serve it under other types (Harbor 2.9.1). Only a plain
 * answer that there is no API counts as such: anything else is a Fault, because taking it for an empty list would hide
 * signatures and quarantine flags alike.
 */
export async function readReferrers(call: Call, digest: Digest): Promise<readonly Descriptor[]> {
  const ask = { method: 'GET', headers: { accept: MEDIA_TYPE.ociIndex } } as const;
  const url = urlIn(call, `referrers/${digest}`);
  const first = await send(call, { ...ask, url });
  if (first.status !== 200) {
    await expectNoApi(call, first);
    return readFallbackTag(call, digest);
  }
  const entries = await entriesOf(call, first);
  if (entries === undefined && PAGES.has(contentType(first))) {
    const tagged = await readTagged(call, digest);
    // A registry without the API may lead to a page for people (ghcr.io). A page in place of the answer may hide a listing.
    if (tagged !== undefined || first.url.href !== url.href) return tagged ?? [];
  }
  const read = async (page: Answer): Promise<readonly unknown[]> =>
    understood(call, page === first ? entries : await entriesOf(call, page));
  return descriptorsIn(await readPages(call, first, { ...LIMITS, ask, read }));
}

/** Reads the answer of a registry without the API; a Fault when it is another one. */
async function expectNoApi(call: Call, answer: Answer): Promise<void> {
  if (NO_API.has(answer.status)) {
    await refuseOtherMeaning(call, answer);
    return;
  }
  drop(answer);
  throw faultOfStatus(call, answer);
}

/** The listing under the fallback tag; empty when there is no such tag. */
export async function readFallbackTag(call: Call, digest: Digest): Promise<readonly Descriptor[]> {
  return (await readTagged(call, digest)) ?? [];
}

/** `undefined` when there is no such tag. A copy of a signature lying under it is an image manifest and lists nothing. */
async function readTagged(call: Call, digest: Digest): Promise<readonly Descriptor[] | undefined> {
  const raw = await readRawManifest(call, fallbackTag(digest));
  if (raw === undefined) return undefined;
  const body = parseJson(raw.bytes);
  const kinds = [textOf(objectOf(body).mediaType), raw.contentType ?? ''].filter(isManifestType);
  const isImage = kinds.some((kind) => !isIndexType(kind));
  if (isImage && !kinds.some(isIndexType) && listOf(objectOf(body).manifests).length === 0) return [];
  const entries = understood(call, isImage ? undefined : entriesIn(body, raw.contentType));
  if (entries.length > MAX_REFERRERS)
    throw fault(call, 'LimitExceeded', `the listing has more than ${MAX_REFERRERS} entries`);
  return descriptorsIn(entries);
}

async function entriesOf(call: Call, page: Answer): Promise<readonly unknown[] | undefined> {
  return entriesIn(parseJson(await readBody(call, page, MAX_MANIFEST_BYTES)), contentType(page));
}

/** The entries of an index, whatever it is served as; `undefined` when the body is none. */
function entriesIn(body: unknown, served = ''): readonly unknown[] | undefined {
  const { data } = listing.safeParse(body);
  if (data === undefined) return undefined;
  const kind = data.mediaType ?? (isManifestType(served) ? served : undefined);
  const isIndex =
    kind === undefined ? data.schemaVersion === 2 && data.manifests !== null : isIndexType(kind);
  return isIndex ? (data.manifests ?? []) : undefined;
}

function understood(call: Call, entries: readonly unknown[] | undefined): readonly unknown[] {
  if (entries === undefined) throw misbehaved(call, 'the listing of referrers cannot be read');
  return entries;
}

/** Each referrer once. An entry that names nothing is left out; it must not hide the others. */
function descriptorsIn(entries: readonly unknown[]): readonly Descriptor[] {
  const byDigest = new Map<Digest, Descriptor>();
  for (const entry of entries) {
    const descriptor = descriptorIn(entry);
    if (descriptor && !byDigest.has(descriptor.digest)) byDigest.set(descriptor.digest, descriptor);
  }
  return [...byDigest.values()];
}

/** A broken entry that still names a manifest is kept bare, so that the reader opens it: a flag must not vanish with it. */
function descriptorIn(entry: unknown): Descriptor | undefined {
  const whole = descriptorSchema.safeParse(entry);
  if (whole.success) return whole.data;
  const bare = nameable.safeParse(entry).data;
  const digest = parseDigest(bare?.digest);
  return bare && digest && { mediaType: bare.mediaType, digest, size: 0, annotations: {} };
}

/** Most times a listing is written again because another writer has overwritten our entry. */
const MAX_REWRITES = 5;
/** Longest pause before it is written again, in milliseconds, doubled each time: two writers must fall out of step. */
const REWRITE_PAUSE_MS = 100;

// Everything that is not understood is written back as it was.
const listed = z.looseObject({ digest: z.string() });
const whole = z.looseObject({ mediaType: z.string().optional(), manifests: z.array(listed).nullish() });
type Listing = z.output<typeof whole>;

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
  let present = await readListing(call, tag);
  const isListed = (): boolean => present.manifests?.some(({ digest }) => digest === entry.digest) === true;
  for (let rewrites = 0; !isListed(); rewrites += 1) {
    if (rewrites > MAX_REWRITES)
      throw fault(call, 'RegistryUnavailable', 'others keep writing the fallback tag at the same time');
    if (rewrites > 0) await pause(call, random() * REWRITE_PAUSE_MS * 2 ** rewrites);
    // What others have written meanwhile is in `present`: it was read after our own last writing.
    const merged = withEntry(present, entry);
    await putManifest(call, tag, merged.mediaType, Buffer.from(JSON.stringify(merged)));
    present = await readListing(call, tag);
  }
}

/** What lies under the tag; nothing at all is an empty listing, and what is no listing is never written over. */
async function readListing(call: Call, tag: string): Promise<Listing> {
  const raw = await readRawManifest(call, tag);
  if (raw === undefined) return {};
  const read = whole.safeParse(parseJson(raw.bytes)).data;
  const mediaType = read?.mediaType ?? raw.contentType ?? '';
  if (read !== undefined && isIndexType(mediaType)) return { ...read, mediaType };
  throw misbehaved(call, 'what lies under the fallback tag is not a listing');
}

function withEntry(present: Listing, entry: Descriptor): Listing & { readonly mediaType: string } {
  const seen = new Set<string>([entry.digest]);
  const hasAny = Object.keys(entry.annotations).length > 0;
  const others = (present.manifests ?? []).filter(({ digest }) => !seen.has(digest) && seen.add(digest));
  return {
    schemaVersion: 2,
    ...present,
    mediaType: present.mediaType ?? MEDIA_TYPE.ociIndex,
    manifests: [...others, { ...entry, annotations: hasAny ? entry.annotations : undefined }],
  };
}
