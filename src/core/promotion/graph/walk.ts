import pLimit from 'p-limit';
import { fallbackTag, Fault, formatReference, pin } from '../../model/index.ts';
import type { Descriptor, Digest, ManifestContent, PinnedRef } from '../../model/index.ts';
import { orFault, type Start } from '../concurrency.ts';
import type { SourceRegistry } from '../ports.ts';
import { COSIGN_KINDS, cosignTag } from '../selection/reserved-tags.ts';
import { leftBecause, saysNothing, type CarryRules } from './carried.ts';

/** Where and by which rules a graph is walked. */
export interface WalkRequest {
  readonly image: PinnedRef;
  readonly source: SourceRegistry;
  readonly rules: CarryRules;
  readonly budget: Budget;
  /** All tags of the source, where they are known; absent = they are read. */
  readonly listTags?: ListTags | undefined;
  /** The root where it was read already; one of another digest than `image` is an index made smaller. */
  readonly root?: ManifestContent;
  /** Called for every manifest as soon as it was read; must not throw. */
  readonly onOpened?: ((content: ManifestContent) => void) | undefined;
}

/** What was found under a tag of cosign's; without content when it was not worth opening. */
export interface TaggedFound {
  readonly tag: string;
  /** The artifact type that it counts as. */
  readonly artifactType: string;
  readonly content?: ManifestContent;
}

/** All that a walk saw, not yet judged. */
export interface Seen {
  /** Every manifest opened. */
  readonly contents: Map<Digest, ManifestContent>;
  /** What is listed as referring to a manifest. */
  readonly listings: Map<Digest, readonly Descriptor[]>;
  readonly tagged: Map<Digest, readonly TaggedFound[]>;
  /** Referrers that are there, and are no manifest that is known. */
  readonly unreadable: Set<Digest>;
}

/** Requests under way for one image; the registry's own budget is shared by all images. */
const ASK_AT_ONCE = 16;

/**
 * Opens everything that may belong to an image, breadth first: a manifest, what refers to it and what cosign's tags hold are
 * asked for at the same time. Each digest is entered once, so that no lie in a listing leads in a circle.
 */
export async function walk(
  {
    image,
    source,
    rules,
    budget,
    root,
    onOpened,
    listTags = (until) => source.tags(image, until),
  }: WalkRequest,
  signal: AbortSignal,
  start: Start,
): Promise<Seen> {
  const limit = pLimit(ASK_AT_ONCE);
  const ask = <T>(question: () => Promise<T>): Promise<T> => start(() => limit(question));
  const seen: Seen = {
    ...{ contents: new Map(), listings: new Map(), tagged: new Map() },
    unreadable: new Set(),
  };
  const wanted = rules.attachments.carry !== 'None';
  const tags = wanted ? ask(() => tagNames(() => listTags(signal))) : Promise.resolve(new Set<string>());
  const entered = new Set<Digest>();
  const opened = ({ bytes }: ManifestContent): void => {
    budget('manifests', 1);
    budget('manifestBytes', bytes.byteLength);
  };

  /** A manifest and everything below and about it. */
  const enter = async (
    digest: Digest,
    depth: number,
    { given, isReferrer = false }: { readonly given?: ManifestContent; readonly isReferrer?: boolean } = {},
  ): Promise<void> => {
    if (entered.has(digest)) return;
    entered.add(digest);
    budget('depth', depth);
    const [content, listing] = await Promise.all([
      given ?? ask(() => (isReferrer ? readReferrer(digest) : source.content(pin(image, digest), signal))),
      list(digest),
      openTags(digest, true),
    ]);
    if (content === undefined) return;
    opened(content);
    seen.contents.set(digest, content);
    onOpened?.(content);
    // A listed entry is opened when it is copied with the image, or when its listing leaves open what it is.
    const referrers = listing.filter(
      ({ artifactType = '' }) => saysNothing(artifactType) || leftBecause(artifactType, rules) === undefined,
    );
    await Promise.all([
      ...content.manifest.manifests.map((next) => enter(next.digest, depth + 1)),
      ...referrers.map((next) => enter(next.digest, depth + 1, { isReferrer: true })),
    ]);
  };

  /** A referrer. One that is no manifest that is known must not keep its image from being copied. */
  const readReferrer = (digest: Digest): Promise<ManifestContent | undefined> => {
    const unreadable = (fault: Fault): undefined => {
      if (!fault.isUnparsed) throw fault;
      seen.unreadable.add(digest);
    };
    return orFault(source.content(pin(image, digest), signal, 'referrer'), unreadable, signal);
  };

  /** What refers to a manifest; also by the fallback tag where there is one beside the API, written before there was an API. */
  const list = async (digest: Digest): Promise<readonly Descriptor[]> => {
    if (!wanted) return [];
    const about = pin(image, digest);
    const older = async (): Promise<readonly Descriptor[]> => {
      const names = await tags;
      const mayBeThere = names?.has(fallbackTag(digest)) ?? true;
      return mayBeThere ? ask(() => source.fallbackReferrers(about, signal)) : [];
    };
    const [listed, before] = await Promise.all([ask(() => source.referrers(about, signal)), older()]);
    const both = [...before, ...listed].map((entry) => [entry.digest, entry] as const); // what the API says wins
    const listing = [...new Map(both).values()];
    budget('attachments', listing.length);
    seen.listings.set(digest, listing);
    return listing;
  };

  /** What cosign's tags hold, and signatures of that in turn. */
  const openTags = async (digest: Digest, carry: boolean): Promise<void> => {
    if (!wanted || seen.tagged.has(digest)) return;
    seen.tagged.set(digest, []);
    const names = await tags;
    const found = await Promise.all(
      COSIGN_KINDS.map(async (kind): Promise<readonly TaggedFound[]> => {
        const ref = cosignTag(image, digest, kind);
        const artifactType = `application/vnd.dev.cosign.artifact.${kind}.v1+json`;
        const one = { tag: ref.tag, artifactType };
        if (names && !names.has(ref.tag)) return [];
        const idle = !carry || leftBecause(artifactType, rules) !== undefined;
        if (idle && names) return [one];
        const content = await ask(() => source.content(ref, signal));
        if (content) opened(content);
        return content ? [{ ...one, content }] : [];
      }),
    );
    const there = found.flat();
    budget('attachments', there.length);
    seen.tagged.set(digest, there);
    if (!names) return;
    const carriers = there.flatMap(({ content }) => (content ? [content.manifest.digest] : []));
    await Promise.all(carriers.map((next) => openTags(next, carry)));
  };

  if (root === undefined || root.manifest.digest === image.digest) {
    await enter(image.digest, 0, { given: root });
  } else {
    entered.add(image.digest); // referrers of the whole index are counted and stay; its kept children are entered
    opened(root);
    seen.contents.set(root.manifest.digest, root);
    const children = root.manifest.manifests.map(({ digest }) => enter(digest, 1));
    await Promise.all([list(image.digest), openTags(image.digest, false), ...children]);
  }
  return seen;
}

/** Lists the tags of a repository, in one request or many; `undefined` where it reports that there is none. */
export type ListTags = (signal: AbortSignal) => Promise<readonly string[] | undefined>;

/** Every tag, so that one request shows which of cosign's there are; `undefined` where each has to be tried. */
async function tagNames(list: () => ReturnType<ListTags>): Promise<ReadonlySet<string> | undefined> {
  try {
    const names = await list();
    return names && new Set(names);
  } catch (error) {
    // A login that may pull need not be one that may list. What may pass is asked again by the next try.
    if (error instanceof Fault && !error.transient) return undefined;
    throw error;
  }
}

/** How large a graph may be; beyond it gathering ends with a Fault `LimitExceeded`. */
export interface GraphLimits {
  /** Steps from the image to the farthest manifest, by children and referrers alike. */
  readonly depth: number;
  readonly manifests: number;
  /** Bytes of all manifests together: they are held in memory until the copy is done. */
  readonly manifestBytes: number;
  readonly attachments: number;
}

/** Real graphs are an index of twenty platforms with a handful of referrers each, two deep; an attacker can push many more. */
export const DEFAULT_GRAPH_LIMITS: GraphLimits = {
  depth: 8,
  manifests: 1_000,
  manifestBytes: 16 * 1024 * 1024,
  attachments: 2_000,
};

/** Counts what a gathering reads, and ends it when that is too much. */
export type Budget = (what: keyof GraphLimits, amount: number) => void;

const LIMITED = {
  depth: 'levels of manifests',
  manifests: 'manifests',
  manifestBytes: 'bytes of manifests',
  attachments: 'attachments',
} as const;

/** A fresh budget for one image. Amounts are added up, but for the depth, which is looked at alone. */
export function createBudget(image: PinnedRef, limits: GraphLimits): Budget {
  const used = { depth: 0, manifests: 0, manifestBytes: 0, attachments: 0 };
  return (what, amount) => {
    used[what] = what === 'depth' ? amount : used[what] + amount;
    if (used[what] <= limits[what]) return;
    throw new Fault({
      code: 'LimitExceeded',
      operation: `gather ${formatReference(image)} with all that belongs to it`,
      side: 'source',
      transient: false,
      detail: `there are more than ${String(limits[what])} ${LIMITED[what]}`,
    });
  };
}
