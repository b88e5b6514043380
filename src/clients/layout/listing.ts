import pLimit from 'p-limit';
import {
  ARTIFACT_MANIFESTS,
  artifactTypeOf,
  digestAlgorithm,
  digestOf,
  fallbackTag,
  isIndexType,
  isManifestType,
  listOf,
  MAX_MANIFEST_BYTES,
  MEDIA_TYPE,
  objectOf,
  parseCounted,
  REGISTRY_JOBS,
} from '../../core/model/index.ts';
import type { Descriptor, Digest, Manifest, ManifestContent } from '../../core/model/index.ts';
import { blobPath, fault, readWhole, type Doing } from './disk.ts';
import { byTag, tagOf, type Entry, type LayoutIndex } from './entries.ts';
import type { Store } from './store.ts';

/** Most manifests of one folder that are read to find what refers to what: entries, and what is below them. */
const MAX_MANIFESTS = 40_000;
/** Most referrers of one image, as of a registry. */
const MAX_REFERRERS = 2_000;
/** Files that are read at the same time. */
const READ_AT_ONCE = 16;
const NO_ENTRIES: LayoutIndex = { schemaVersion: 2, manifests: [] };

/** A folder and what is done with it. */
type Within = Doing & { readonly store: Store };
/** The same, with what belongs to what in it. */
export type At = Within & { readonly graphOf: ReturnType<typeof createGraphReader> };

/** A manifest of a folder, with its bytes proven; `undefined` where there is none. `named` = the type by which an index names it. */
export async function readContent(
  { store: { disk }, ...doing }: Within,
  digest: Digest,
  {
    named,
    size,
    ...as
  }: Omit<Parameters<typeof REGISTRY_JOBS.manifest>[0], 'bytes' | 'digest' | 'contentType'> & {
    readonly named?: string | undefined;
    readonly size?: number | undefined;
  } = {},
): Promise<ManifestContent | undefined> {
  const path = blobPath(disk, digest);
  const bytes = await readWhole(doing, disk, path, MAX_MANIFEST_BYTES);
  if (!bytes) return undefined;
  if (size !== undefined && size !== bytes.byteLength)
    throw fault(
      doing,
      'RegistryMisbehaved',
      `${path} has ${bytes.byteLength} bytes, and ${size} are declared`,
    );
  const isAsNamed = digestOf(bytes, digestAlgorithm(digest)) === digest;
  // A target gets again what is broken there.
  if (!isAsNamed && doing.side === 'target') return undefined;
  if (!isAsNamed)
    throw fault(doing, 'RegistryMisbehaved', `${path} has other bytes than its name says: copy it again`);
  const read = REGISTRY_JOBS.manifest({ bytes, digest, contentType: named, ...as });
  if (read.ok) return { manifest: read.value, bytes };
  const [{ path: field, message, isLimit, reason } = { path: '', message: 'cannot be read' }] = read.problems;
  const code = reason ?? (isLimit ? 'LimitExceeded' : 'RegistryMisbehaved');
  throw fault(doing, code, `${path}: ${field} ${message}`);
}

/** What a manifest says of others, without what a graph does not need. */
type Node = Pick<Manifest, 'digest' | 'manifests' | 'subject'> & { readonly descriptor: Descriptor };

/** What belongs to what in a folder. */
export interface LayoutGraph {
  /** What refers to an image, each once. */
  readonly referrers: (image: Digest) => readonly Descriptor[];
  /** Images that stand alone: in no index, and referring to nothing. */
  readonly roots: readonly Entry[];
}

/** Reads graphs of one folder; every manifest is read once. */
export function createGraphReader(store: Store) {
  const nodes = new Map<Digest, Node>();
  let known: { readonly index: LayoutIndex; readonly graph: Promise<LayoutGraph> } | undefined;

  const nodeOf = async (doing: Doing, { digest, size }: Pick<Descriptor, 'digest' | 'size'>) => {
    const before = nodes.get(digest);
    if (before) return before;
    const content = await readContent({ ...doing, store }, digest, { isReferrer: true, size });
    if (!content) return undefined;
    const { manifests, subject } = content.manifest;
    const node = { digest, manifests, subject, descriptor: descriptorOf(content.manifest) };
    nodes.set(digest, node);
    return node;
  };

  const walk = async (doing: Doing, { manifests: entries }: LayoutIndex): Promise<LayoutGraph> => {
    const seen = new Set<Digest>();
    const found: Node[] = [];
    const limit = pLimit(READ_AT_ONCE);
    let level: readonly Pick<Descriptor, 'digest' | 'size' | 'mediaType'>[] = entries;
    for (let isTop = true; level.length > 0; isTop = false) {
      const fresh = level.filter(
        ({ digest, mediaType }) => isReadable(mediaType) && !seen.has(digest) && seen.add(digest),
      );
      if (seen.size > MAX_MANIFESTS)
        throw fault(doing, 'LimitExceeded', `${store.disk.root} has more than ${MAX_MANIFESTS} manifests`);
      const read = await Promise.all(fresh.map((one) => limit(() => nodeOf(doing, one))));
      const gone = read.indexOf(undefined);
      // Below an index there may be gaps. What the folder itself names may be a signature, or a flag: it is not passed over.
      if (isTop && gone >= 0 && doing.side === 'source') throw missing(doing, store, fresh[gone]?.digest);
      const here = read.filter((node) => node !== undefined);
      found.push(...here);
      level = here.flatMap((node) => node.manifests);
    }
    return graphOf(entries, found);
  };

  return (doing: Doing, index: LayoutIndex): Promise<LayoutGraph> => {
    if (known?.index === index) return known.graph;
    const graph = walk(doing, index);
    known = { index, graph };
    // What could not be read is read again by the next caller.
    graph.catch(() => (known = undefined));
    return graph;
  };
}

function isReadable(mediaType: string): boolean {
  return isManifestType(mediaType) || (ARTIFACT_MANIFESTS as readonly string[]).includes(mediaType);
}

function missing(doing: Doing, { disk }: Store, digest: Digest | undefined) {
  const detail = `${disk.root}/index.json names ${String(digest)}, which is not in the folder: copy it again`;
  return fault(doing, 'RegistryMisbehaved', detail);
}

function graphOf(entries: readonly Entry[], nodes: readonly Node[]): LayoutGraph {
  const bySubject = Map.groupBy(nodes, ({ subject }) => subject?.digest);
  const children = new Set(nodes.flatMap(({ manifests }) => manifests.map(({ digest }) => digest)));
  const referring = new Set(nodes.filter(({ subject }) => subject).map(({ digest }) => digest));
  const lists = new Set(nodes.map(({ digest }) => fallbackTag(digest)));
  const isRoot = (entry: Entry): boolean =>
    !children.has(entry.digest) && !referring.has(entry.digest) && !lists.has(tagOf(entry) ?? '');
  return {
    referrers: (image) => (bySubject.get(image) ?? []).map(({ descriptor }) => descriptor),
    roots: [...new Map(entries.filter(isRoot).map((entry) => [entry.digest, entry])).values()],
  };
}

/** The entry of a manifest in a listing (distribution spec, "Pushing Manifests with Subject"). */
export function descriptorOf(manifest: Manifest): Descriptor {
  const { mediaType, digest, size, annotations } = manifest;
  const artifactType = artifactTypeOf(manifest);
  return { mediaType, digest, size, annotations, ...(artifactType !== undefined && { artifactType }) };
}

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
    (!isIndexType(String(present.mediaType ?? MEDIA_TYPE.ociIndex)) || !Array.isArray(present.manifests))
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
