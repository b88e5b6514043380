import * as z from 'zod';
import {
  isIndexType,
  MEDIA_TYPE,
  type Descriptor,
  type Digest,
  parseJson,
  fallbackTag,
} from '../../core/model/index.ts';
import type { Call } from './call.ts';
import { fault } from './fault.ts';
import { putManifest, readRawManifest } from './manifest.ts';
import { pause } from './pause.ts';

/** Most times a listing is written again because another writer has overwritten our entry. */
const MAX_REWRITES = 5;
/** Longest pause before it is written again, in milliseconds, doubled each time: two writers must fall out of step. */
const REWRITE_PAUSE_MS = 100;

// Everything that is not understood is written back as it was.
const listed = z.looseObject({ digest: z.string() });
const listing = z.looseObject({ mediaType: z.string().optional(), manifests: z.array(listed).nullish() });
type Listing = z.output<typeof listing>;

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
  for (let rewrites = 0; !lists(present, entry.digest); rewrites += 1) {
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
  const read = listing.safeParse(parseJson(raw.bytes)).data;
  const mediaType = read?.mediaType ?? raw.contentType ?? '';
  if (read !== undefined && isIndexType(mediaType)) return { ...read, mediaType };
  throw fault(call, 'RegistryMisbehaved', 'what lies under the fallback tag is not a listing');
}

function lists({ manifests }: Listing, digest: Digest): boolean {
  return manifests?.some((one) => one.digest === digest) === true;
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
