import pLimit from 'p-limit';
import {
  Fault,
  pin,
  type Descriptor,
  type Digest,
  type ManifestContent,
  type PinnedRef,
  fallbackTag,
} from '../../model/index.ts';
import type { SourceRegistry } from '../ports.ts';
import type { Start } from '../concurrency.ts';
import { leftBecause, saysNothing, type CarryRules } from './carried.ts';
import { cosignTags, type CosignTag } from './cosign-tags.ts';
import type { Budget } from './limits.ts';

/** Where and by which rules a graph is walked. */
export interface WalkRequest {
  readonly image: PinnedRef;
  readonly source: SourceRegistry;
  readonly rules: CarryRules;
  readonly budget: Budget;
  /** The tags of the repository, for a caller that has listed them already. */
  readonly tags?: readonly string[];
  /** The root where it was read already; one of another digest than `image` is an index made smaller. */
  readonly root?: ManifestContent;
}

/** What was found under a tag of cosign's; without content when it was not worth opening. */
export interface TaggedFound extends CosignTag {
  readonly content?: ManifestContent;
}

/** All that a walk saw, not yet judged. */
export interface Seen {
  /** Every manifest opened. */
  readonly contents: Map<Digest, ManifestContent>;
  /** What is listed as referring to a manifest. */
  readonly listings: Map<Digest, readonly Descriptor[]>;
  readonly tagged: Map<Digest, readonly TaggedFound[]>;
}

/** Requests under way for one image; the registry's own budget is shared by all images. */
const ASK_AT_ONCE = 16;

/**
 * Opens everything that may belong to an image, breadth first: a manifest, what refers to it and what cosign's tags hold are
 * asked for at the same time. Each digest is entered once, so that no lie in a listing leads in a circle.
 */
export async function walk(
  { image, source, rules, budget, ...known }: WalkRequest,
  signal: AbortSignal,
  start: Start,
): Promise<Seen> {
  const limit = pLimit(ASK_AT_ONCE);
  const ask = <T>(question: () => Promise<T>): Promise<T> => start(() => limit(question));
  const seen: Seen = { contents: new Map(), listings: new Map(), tagged: new Map() };
  const wanted = rules.attachments.carry !== 'None';
  const tags = wanted
    ? ask(() => tagNames(image, source, known.tags, signal))
    : Promise.resolve(new Set<string>());
  const entered = new Set<Digest>();

  /** A manifest and everything below and about it. */
  const enter = async (digest: Digest, depth: number, given?: ManifestContent): Promise<void> => {
    if (entered.has(digest)) return;
    entered.add(digest);
    budget.deep(depth);
    const [content, listing] = await Promise.all([
      given ?? ask(() => source.content(pin(image, digest), signal)),
      list(digest),
      openTags(digest, true),
    ]);
    if (content === undefined) return;
    budget.opened(content);
    seen.contents.set(digest, content);
    const children = content.manifest.manifests.map((child) => child.digest);
    const referrers = listing.filter((entry) => mayBeCarried(entry, rules)).map((entry) => entry.digest);
    await Promise.all([...children, ...referrers].map((next) => enter(next, depth + 1)));
  };

  /** What refers to a manifest; also by the fallback tag where there is one beside the API, written before there was an API. */
  const list = async (digest: Digest): Promise<readonly Descriptor[]> => {
    if (!wanted) return [];
    const [listed, older] = await Promise.all([
      ask(() => source.referrers(pin(image, digest), signal)),
      tags.then((names) =>
        names?.has(fallbackTag(digest)) === true
          ? ask(() => source.fallbackReferrers(pin(image, digest), signal))
          : [],
      ),
    ]);
    const both = [...older, ...listed].map((entry) => [entry.digest, entry] as const); // what the API says wins
    const listing = [...new Map(both).values()];
    budget.found(listing.length);
    seen.listings.set(digest, listing);
    return listing;
  };

  /** What cosign's tags hold, and signatures of that in turn. */
  const openTags = async (digest: Digest, carry: boolean): Promise<void> => {
    if (!wanted || seen.tagged.has(digest)) return;
    seen.tagged.set(digest, []);
    const names = await tags;
    const worth = cosignTags(digest).filter(({ tag }) => names?.has(tag) ?? true);
    const found = await Promise.all(
      worth.map(async (one): Promise<TaggedFound | undefined> => {
        const { registry, repository } = image;
        const idle = !carry || leftBecause(one.artifactType, rules) !== undefined;
        if (idle && names) return one;
        const content = await ask(() => source.content({ registry, repository, tag: one.tag }, signal));
        if (content) budget.opened(content);
        return content && { ...one, content };
      }),
    );
    const there = found.filter((one) => one !== undefined);
    budget.found(there.length);
    seen.tagged.set(digest, there);
    if (!names) return;
    const opened = there.flatMap(({ content }) => (content ? [content.manifest.digest] : []));
    await Promise.all(opened.map((next) => openTags(next, carry)));
  };

  const { root } = known;
  if (root === undefined || root.manifest.digest === image.digest) {
    await enter(image.digest, 0, root);
  } else {
    entered.add(image.digest); // referrers of the whole index are counted and stay; its kept children are entered
    budget.opened(root);
    seen.contents.set(root.manifest.digest, root);
    const children = root.manifest.manifests.map(({ digest }) => enter(digest, 1));
    await Promise.all([list(image.digest), openTags(image.digest, false), ...children]);
  }
  return seen;
}

/** Every tag, so that one request shows which of cosign's there are; `undefined` where each has to be tried. */
async function tagNames(
  image: PinnedRef,
  source: SourceRegistry,
  known: readonly string[] | undefined,
  signal: AbortSignal,
): Promise<ReadonlySet<string> | undefined> {
  if (known) return new Set(known);
  try {
    const names = await source.tags(image, signal);
    return names && new Set(names);
  } catch (error) {
    if (error instanceof Fault && error.code === 'LimitExceeded') return undefined;
    throw error;
  }
}

/** Whether a listed entry has to be opened: it is copied with the image, or its listing leaves open what it is. */
function mayBeCarried({ artifactType = '' }: Descriptor, rules: CarryRules): boolean {
  return saysNothing(artifactType) || leftBecause(artifactType, rules) === undefined;
}
