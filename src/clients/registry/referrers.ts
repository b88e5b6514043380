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
} from '../../core/model/index.ts';
import { discard } from '../io/index.ts';
import { contentType, drop, readBody } from './answer.ts';
import { send, urlIn, type Answer, type Call } from './call.ts';
import { fault, faultOfStatus, misbehaved } from './fault.ts';
import { readPages } from './link.ts';
import { putManifest, readRawManifest, type RawManifest } from './manifest.ts';
import { pause } from './pause.ts';

/** Most referrers of one image that are read; images have a handful, and a flood must end in a clear no (CVE-2024-29903). */
export const MAX_REFERRERS = 2_000;
/** Most pages of referrers; registries page by hundreds or by 4 MiB. */
export const MAX_REFERRER_PAGES = 40;

const LIMITS = { maxPages: MAX_REFERRER_PAGES, maxEntries: MAX_REFERRERS };
const typed = z.object({ mediaType: z.string().nullish() });
const listing = typed.extend({ manifests: z.array(z.unknown()).nullish() });
const nameable = z.object({ mediaType: z.string().min(1), digest: z.string() });

/**
 * Lists what refers to an image (distribution spec 1.1, "Listing Referrers"): by the API, or by the fallback tag where
 * there is no API. Only a plain answer that there is none counts as such: a refusal or an outage is a Fault, because taking
 * it for an empty list would hide signatures and quarantine flags alike.
 */
export async function readReferrers(call: Call, digest: Digest): Promise<readonly Descriptor[]> {
  const ask = { method: 'GET', headers: { accept: MEDIA_TYPE.ociIndex } } as const;
  const first = await send(call, { ...ask, url: urlIn(call, `referrers/${digest}`) });
  if (!offersApi(call, first)) {
    await discard(first);
    return readFallbackTag(call, digest);
  }
  const read = async (page: Answer): Promise<readonly unknown[]> =>
    entriesIn(call, await readBody(call, page, MAX_MANIFEST_BYTES));
  return descriptorsIn(await readPages(call, first, { ...LIMITS, ask, read }));
}

/** Some registries answer the unknown path with 400 or 405, or with a redirect to a page for people. */
function offersApi(call: Call, answer: Answer): boolean {
  if (answer.status === 200) return contentType(answer) === MEDIA_TYPE.ociIndex;
  if (answer.status === 404 || answer.status === 400 || answer.status === 405) return false;
  drop(answer);
  throw faultOfStatus(call, answer);
}

/** The listing under the fallback tag; a copy of a signature lying under that tag is an image manifest and lists nothing. */
export async function readFallbackTag(call: Call, digest: Digest): Promise<readonly Descriptor[]> {
  const raw = await readRawManifest(call, fallbackTag(digest));
  if (raw === undefined) return [];
  const mediaType = mediaTypeOf(raw);
  if (mediaType === undefined)
    throw misbehaved(call, 'the listing under the fallback tag is of no clear type');
  if (!isIndexType(mediaType)) return [];
  const entries = entriesIn(call, raw.bytes);
  if (entries.length > MAX_REFERRERS)
    throw fault(call, 'LimitExceeded', `the listing has more than ${MAX_REFERRERS} entries`);
  return descriptorsIn(entries);
}

/** What body and registry agree that it is; `undefined` when neither names it or they contradict each other. */
function mediaTypeOf({ bytes, contentType: served }: RawManifest): string | undefined {
  const declared = typed.safeParse(parseJson(bytes)).data?.mediaType ?? undefined;
  if (served === undefined || !isManifestType(served)) return declared;
  return declared === undefined || declared === served ? served : undefined;
}

function entriesIn(call: Call, bytes: Uint8Array): readonly unknown[] {
  const body = listing.safeParse(parseJson(bytes));
  const indexed = body.success && isIndexType(body.data.mediaType ?? MEDIA_TYPE.ociIndex);
  if (!indexed) throw misbehaved(call, 'the listing of referrers cannot be read');
  return body.data.manifests ?? [];
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
