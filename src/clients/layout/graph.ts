import pLimit from 'p-limit';
import { ARTIFACT_MANIFESTS, artifactTypeOf, fallbackTag, isManifestType } from '../../core/model/index.ts';
import type { Descriptor, Digest, Manifest } from '../../core/model/index.ts';
import { readContent, type Within } from './content.ts';
import { tagOf } from './entries.ts';
import { fault, type Doing } from './fault.ts';
import type { Entry, LayoutIndex } from './index-file.ts';
import type { Store } from './store.ts';

/** Most manifests of one folder that are read to find what refers to what: entries, and what is below them. */
const MAX_MANIFESTS = 40_000;
/** Files that are read at the same time. */
const READ_AT_ONCE = 16;

/** A folder with what belongs to what in it. */
export type At = Within & { readonly graphOf: ReturnType<typeof createGraphReader> };

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
