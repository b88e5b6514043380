import { parsed, type Parsed } from '../../model/index.ts';
import { durationMs } from '../../policy/index.ts';
import type { TagSelection } from '../schema.ts';
import { compileTagFilter } from './tag-filter.ts';
import { compareNewestFirst, parseTagVersion } from './versions.ts';

/** Why a tag whose name matches is not selected. */
export type LeftOutWhy = 'Missing' | 'Excluded' | 'TooYoung' | 'AgeUnknown' | 'NotNewest';

/** A tag that is not taken although it was named, ranged or found by a pattern. */
export interface LeftOut {
  readonly tag: string;
  readonly why: LeftOutWhy;
}

/** What names alone decide; both lists in the order of {@link compareTags}. */
export interface NameSelection {
  readonly tags: readonly string[];
  readonly leftOut: readonly LeftOut[];
}

/** What is taken in the end, in the same order. */
export type TagChoice = NameSelection;

/** Whether the tags of the source have to be listed at all: explicit ones are known. */
export function needsTagList({ semver, include, newest }: TagSelection): boolean {
  return semver.length + include.length > 0 || newest !== undefined;
}

/** Whether the creation time of candidates has to be learned, which costs requests for every one of them. */
export function needsCreated({ newest, minAge }: TagSelection): boolean {
  return newest?.by === 'Created' || minAge !== undefined;
}

/**
 * First half: which of these tags are candidates by their names. `present` is the tag list of the source, or, where
 * {@link needsTagList} says no, the explicit tags themselves. Problems have paths below `tags`.
 */
export function selectByName(present: readonly string[], spec: TagSelection): Parsed<NameSelection> {
  const filter = compileTagFilter(spec);
  if (!filter.ok) return filter;
  const { selects, excludes } = filter.value;
  const named = new Set(spec.explicit);
  const there = new Set(present);
  const wanted = [...there].filter((tag) => named.has(tag) || selects(tag));
  const leftOut = [
    ...[...named].filter((tag) => !there.has(tag)).map((tag) => ({ tag, why: 'Missing' }) as const),
    ...wanted
      .filter((tag) => named.has(tag) && excludes(tag))
      .map((tag) => ({ tag, why: 'Excluded' }) as const),
  ];
  return parsed({
    tags: wanted.filter((tag) => !excludes(tag)).sort(compareTags),
    leftOut: inOrder(leftOut),
  });
}

/**
 * Second half: which candidates are old enough, and the newest of those. `created` is examined only where
 * {@link needsCreated} says so. Explicit tags have to be old enough too, but are neither counted among the newest nor
 * left out for not being so.
 */
export function selectByAge(candidates: readonly DatedTag[], spec: TagSelection, now: Date): TagChoice {
  const named = new Set(spec.explicit);
  const byWhy = Map.groupBy(candidates, (candidate) => whyByAge(candidate, spec, now) ?? 'fit');
  const fit = byWhy.get('fit') ?? [];
  const rivals = fit.filter(({ tag }) => !named.has(tag));
  const newest = new Set(spec.newest ? newestOf(rivals, spec.newest) : rivals);
  const isTaken = (candidate: DatedTag) => named.has(candidate.tag) || newest.has(candidate);
  const leftOut = (['AgeUnknown', 'TooYoung'] as const).flatMap((why) =>
    (byWhy.get(why) ?? []).map(({ tag }) => ({ tag, why })),
  );
  const beaten = fit.filter((one) => !isTaken(one)).map(({ tag }) => ({ tag, why: 'NotNewest' as const }));
  return {
    tags: fit
      .filter(isTaken)
      .map(({ tag }) => tag)
      .sort(compareTags),
    leftOut: inOrder([...leftOut, ...beaten]),
  };
}

function whyByAge(
  { tag, created }: DatedTag,
  { minAge, newest, explicit }: TagSelection,
  now: Date,
): LeftOutWhy | undefined {
  const isCompared = newest?.by === 'Created' && !explicit.includes(tag);
  if (!created) return isCompared || minAge !== undefined ? 'AgeUnknown' : undefined;
  return minAge !== undefined && now.getTime() - created.getTime() < durationMs(minAge)
    ? 'TooYoung'
    : undefined;
}

const inOrder = (all: readonly LeftOut[]): readonly LeftOut[] =>
  [...all].sort((a, b) => compareTags(a.tag, b.tag));

/** A tag that was selected by its name, with what is known of it. */
interface DatedTag {
  readonly tag: string;
  /** When the image says it was made; absent = it does not say, or it is unknown. */
  readonly created?: Date;
}

/** Higher versions first, then what is no version, by its name: the order in which a run goes through tags. */
function compareTags(a: string, b: string): number {
  const [x, y] = [parseTagVersion(a), parseTagVersion(b)];
  if (x && y) return compareNewestFirst(x, y) || compareText(a, b);
  if (x || y) return x ? -1 : 1;
  return compareText(a, b);
}

/** The newest of some candidates. By Semver, what is no version is never among them. */
function newestOf<T extends DatedTag>(
  candidates: readonly T[],
  { count, by }: NonNullable<TagSelection['newest']>,
): readonly T[] {
  const fit = by === 'Semver' ? candidates.filter(({ tag }) => parseTagVersion(tag)) : candidates;
  const order = by === 'Semver' ? byVersion : byCreation;
  return [...fit].sort(order).slice(0, count);
}

const byVersion = (a: DatedTag, b: DatedTag): number => compareTags(a.tag, b.tag);

function byCreation(a: DatedTag, b: DatedTag): number {
  const [x, y] = [a.created?.getTime() ?? -Infinity, b.created?.getTime() ?? -Infinity];
  return x === y ? byVersion(a, b) : y - x;
}

/** By code units, whatever the language of the machine is. */
function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
