import {
  digestAlgorithm,
  digestOf,
  fallbackTag,
  isIndexType,
  listOf,
  MAX_MANIFEST_BYTES,
  MEDIA_TYPE,
  objectOf,
  parseCounted,
  REGISTRY_JOBS,
  textOf,
} from '../../core/model/index.ts';
import type { Descriptor, Digest } from '../../core/model/index.ts';
import type { Within } from './content.ts';
import { blobPath, readWhole } from './disk.ts';
import { byTag } from './entries.ts';
import { fault } from './fault.ts';
import type { Entry, LayoutIndex } from './index-file.ts';

/** Most referrers of one image, as of a registry. */
const MAX_REFERRERS = 2_000;
const NO_ENTRIES: LayoutIndex = { schemaVersion: 2, manifests: [] };

/** The listing under the fallback tag of an image, as regctl and older registries keep it; empty where there is none. */
export async function readFallback(
  doing: Within,
  index: LayoutIndex | undefined,
  image: Digest,
): Promise<readonly Descriptor[]> {
  const [entry] = byTag(index ?? NO_ENTRIES).get(fallbackTag(image)) ?? [];
  const bytes = entry && (await readListing(doing, entry));
  if (!bytes) return [];
  const read = REGISTRY_JOBS.listing({ bytes });
  const listing = read.ok ? read.value.read : undefined;
  if (!listing)
    throw fault(doing, 'RegistryMisbehaved', `the listing under ${fallbackTag(image)} cannot be read`);
  if (listing.entries > MAX_REFERRERS)
    throw fault(doing, 'LimitExceeded', `the listing has more than ${MAX_REFERRERS} entries`);
  return listing.items;
}

async function readListing(
  { store: { disk }, ...doing }: Within,
  { digest }: Entry,
): Promise<Buffer | undefined> {
  const bytes = await readWhole(doing, disk, blobPath(disk, digest), MAX_MANIFEST_BYTES);
  if (!bytes || digestOf(bytes, digestAlgorithm(digest)) === digest) return bytes;
  throw fault(doing, 'RegistryMisbehaved', `${blobPath(disk, digest)} has other bytes than its name says`);
}

/** The listing of a subject with one entry more, or less, as bytes; `undefined` where it would be as it is. */
export async function changedListing(
  doing: Within,
  entry: Entry | undefined,
  { added, removed }: { readonly added?: Descriptor; readonly removed?: Digest },
): Promise<Uint8Array | undefined> {
  const bytes = entry && (await readListing(doing, entry));
  const present = objectOf(bytes && parseCounted(bytes));
  if (
    bytes &&
    (!isIndexType(textOf(present.mediaType ?? MEDIA_TYPE.ociIndex)) || !Array.isArray(present.manifests))
  )
    throw fault(doing, 'RegistryMisbehaved', 'what lies under the fallback tag is not a listing');
  const listed = listOf(present.manifests);
  const has = (digest?: Digest) => listed.some((one) => objectOf(one).digest === digest);
  if (added ? has(added.digest) : !has(removed)) return undefined;
  const kept = listed.filter((one) => objectOf(one).digest !== removed);
  const manifests = added ? [...kept, added] : kept;
  const mediaType = MEDIA_TYPE.ociIndex;
  return Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, ...present, manifests }));
}
