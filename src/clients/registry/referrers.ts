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
import { fault, faultOfStatus } from './fault.ts';
import { readPages } from './link.ts';
import { readRawManifest, type RawManifest } from './manifest.ts';

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
    throw fault(call, 'RegistryMisbehaved', 'the listing under the fallback tag is of no clear type');
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
  if (!indexed) throw fault(call, 'RegistryMisbehaved', 'the listing of referrers cannot be read');
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

/**
 * An entry that is broken but still names a manifest is kept bare, with size 0 and nothing claimed, so that the reader
 * opens the manifest itself: a flag must not vanish because its listing is sloppy.
 */
function descriptorIn(entry: unknown): Descriptor | undefined {
  const whole = descriptorSchema.safeParse(entry);
  if (whole.success) return whole.data;
  const bare = nameable.safeParse(entry).data;
  const digest = parseDigest(bare?.digest);
  return bare && digest && { mediaType: bare.mediaType, digest, size: 0, annotations: {} };
}
