import { isIndexType, isPinned, nameOf, pin, unknown } from '../model/index.ts';
import type {
  Digest,
  Fact,
  ImageRef,
  IndexEvidence,
  Manifest,
  PinnedRef,
  Turn,
  Unknown,
} from '../model/index.ts';
import type { SignatureNeeds } from '../policy/index.ts';
import { inTurn, type Reading } from './ports.ts';
import { readReferrers } from './referrers.ts';
import { readManifest, readTag } from './resolve.ts';
import { readSignatures } from './signatures.ts';

/** Stands for releases that nothing was found to need. */
const NOT_ASKED = unknown('InternalError', 'no release was looked for');
/** Most nested indexes of one tag that are read in search of a digest; real images have none or a few. */
const MAX_INDEXES = 32;

/**
 * The indexes through which the tag of a reference leads to its digest, from the tag downwards, with what stands on them; none where
 * the tag names the digest itself, or something else. The way is remembered like any fact, so that a reference with tag and
 * digest costs no request while it is: the tag is not read for the image, which the digest alone names.
 */
export async function readListing(
  image: ImageRef,
  reading: Reading,
): Promise<Fact<readonly IndexEvidence[]> | undefined> {
  // A tag alone leads to the image by itself, a digest alone to no index.
  if (image.tag === undefined || !isPinned(image)) return undefined;
  const way = await reading.memory.recall<readonly Digest[]>(
    {
      key: ['indexes', nameOf(image), image.tag ?? '', image.digest, reading.kept.id],
      load: (signal, turn: Turn) => findWay(image, inTurn({ ...reading, signal }, turn)),
    },
    reading.signal,
  );
  if (way.state !== 'found') return way;
  const indexes = way.value.map(async (digest): Promise<IndexEvidence> => {
    const index = pin(image, digest);
    const [manifest, referrers] = await Promise.all([
      readManifest(index, reading),
      readReferrers(index, reading),
    ]);
    return { image: index, manifest, referrers, signatures: NOT_ASKED };
  });
  return { ...way, value: await Promise.all(indexes) };
}

/** The same with the releases of each index; nothing is read where none is needed. */
export async function readReleases(
  listing: Fact<readonly IndexEvidence[]>,
  needs: SignatureNeeds | undefined,
  reading: Reading,
): Promise<Fact<readonly IndexEvidence[]>> {
  if (listing.state !== 'found' || !needs) return listing;
  const released = listing.value.map(async (index): Promise<IndexEvidence> => {
    return { ...index, signatures: await readSignatures(index.image, needs, reading) };
  });
  return { ...listing, value: await Promise.all(released) };
}

async function findWay(image: PinnedRef, reading: Reading): Promise<Fact<readonly Digest[]>> {
  const { registry, repository, tag } = image;
  const root = await readTag({ registry, repository, ...(tag !== undefined && { tag }) }, reading);
  if (root.state === 'unknown') return root;
  const nothing: readonly Digest[] = [];
  if (root.state === 'absent' || root.value.digest === image.digest)
    return { state: 'found', value: nothing, seenAt: root.seenAt };
  const found = await search(image, root.value, reading);
  return 'state' in found ? found : { state: 'found', value: found, seenAt: root.seenAt };
}

/** Every index that leads from one to the image, or why that is not known. */
async function search(
  image: PinnedRef,
  root: Manifest,
  reading: Reading,
): Promise<readonly Digest[] | Unknown> {
  const indexes = await openNested(image, root, reading);
  if ('state' in indexes) return indexes;
  const leads = new Set<Digest>();
  const isOnWay = ({ digest }: { readonly digest: Digest }) => digest === image.digest || leads.has(digest);
  // An index may be met before one that lists it: as often as something is added, all are asked once more.
  for (let before = -1; before < leads.size;) {
    before = leads.size;
    for (const { digest, manifests } of indexes.values()) if (manifests.some(isOnWay)) leads.add(digest);
  }
  return [...leads];
}

/** An index with all that are nested in it, each once. */
async function openNested(
  image: PinnedRef,
  root: Manifest,
  reading: Reading,
): Promise<ReadonlyMap<Digest, Manifest> | Unknown> {
  const indexes = new Map<Digest, Manifest>([[root.digest, root]]);
  // The map grows while it is walked.
  for (const { manifests } of indexes.values())
    for (const { digest } of manifests.filter(({ mediaType }) => isIndexType(mediaType))) {
      const nested = indexes.has(digest) ? undefined : await readManifest(pin(image, digest), reading);
      if (nested?.state === 'unknown') return nested;
      if (nested?.state === 'found') indexes.set(digest, nested.value);
      if (indexes.size > MAX_INDEXES)
        return unknown('LimitExceeded', `the tag has more than ${MAX_INDEXES} nested indexes`);
    }
  return indexes;
}
