import { definedFields, explainFailure, Fault, nameOf, parsed } from '../../model/index.ts';
import type { ImageRef, JobOutcome, Parsed } from '../../model/index.ts';
import { durationMs, parseTime } from '../../policy/index.ts';
import type { TagSelection } from '../schema.ts';
import { isReservedTag } from './reserved-tags.ts';
import { compileTagFilter } from './tag-filter.ts';
import { compareNewestFirst, parseTagVersion, schemeOf } from './versions.ts';

/** Why a tag is not taken, one clause each. */
export const WHY_LEFT_OUT = {
  Missing: 'the source has no such tag',
  Excluded: 'a pattern of tags.exclude is found in it',
  Reserved: 'it belongs to another image, to a backup or to the books',
  NotSelected: 'no range or pattern selects it',
  TooYoung: 'it is younger than tags.minAge, or was seen now for the first time',
  AgeUnknown:
    'it does not say when it was made, or gives a date to come or one that build tools always write',
  NotNewest: 'others are newer, and tags.newest takes no more',
} as const;

/** A tag that is not taken, and why; with the time that it claims where that is too young. */
export interface LeftOut {
  /** Its repository, where there are many. */
  readonly repository?: string;
  readonly tag: string;
  readonly why: keyof typeof WHY_LEFT_OUT;
  readonly created?: Date;
  /** When it was seen first, where that is too young. */
  readonly seen?: Date;
}

/** What is taken and what is not although it was named, ranged or found by a pattern, both in the order of {@link compareTags}. */
export interface TagChoice {
  readonly tags: readonly string[];
  readonly leftOut: readonly LeftOut[];
}

/** A choice by name, with the tags that no rule selects, or that are kept out whatever selects them: as they are listed. */
interface NameChoice extends TagChoice {
  readonly passedOver: readonly LeftOut[];
}

/**
 * What has to be learned to select. `list` = the tags of the source: explicit ones are known. `created` = the creation time of
 * candidates, `seen` = their digests and since when they are known; both cost requests for every one of them.
 */
export function needsOf({ semver, include, newest, minAge }: TagSelection) {
  const by = ageRule(minAge)?.by;
  return {
    list: semver.length + include.length > 0 || newest !== undefined,
    created: newest?.by === 'Created' || by === 'Claimed',
    seen: by === 'FirstSeen',
  };
}

/** How old an image must be, and by what; `undefined` = of any age. A duration alone counts from the first sight. */
export function ageRule(minAge: TagSelection['minAge']) {
  return typeof minAge === 'string' ? ({ duration: minAge, by: 'FirstSeen' } as const) : minAge;
}

/**
 * First half: which of these tags are candidates by their names. `present` is the tag list of the source, or, where
 * {@link needsOf} wants no list, the explicit tags themselves. Problems have paths below `tags`.
 */
export function selectByName(present: readonly string[], spec: TagSelection): Parsed<NameChoice> {
  const filter = compileTagFilter(spec);
  if (!filter.ok) return filter;
  const { selects, excludes } = filter.value;
  const named = new Set(spec.explicit);
  const there = new Set(present);
  const selected = new Set([...there].filter(selects));
  const wanted = [...there].filter((tag) => named.has(tag) || selected.has(tag));
  const missing = [...named].filter((tag) => !there.has(tag));
  const excluded = wanted.filter((tag) => named.has(tag) && excludes(tag));
  const whyNot = (tag: string): LeftOut['why'] | undefined => {
    if (isReservedTag(tag)) return 'Reserved';
    if (named.has(tag)) return undefined;
    if (excludes(tag)) return 'Excluded';
    return selected.has(tag) ? undefined : 'NotSelected';
  };
  return parsed({
    passedOver: [...there].flatMap((tag) => asLeftOut([tag], whyNot(tag))),
    tags: wanted.filter((tag) => !excludes(tag)).sort(compareTags()),
    leftOut: inOrder([...asLeftOut(missing, 'Missing'), ...asLeftOut(excluded, 'Excluded')]),
  });
}

/**
 * Second half: which candidates are old enough, and the newest of those. `created` is examined only where {@link needsOf} says
 * so. Explicit tags have to be old enough too, but are neither counted among the newest nor left out for not being so.
 */
export function selectByAge(candidates: readonly DatedTag[], spec: TagSelection, now: Date): TagChoice {
  const named = new Set(spec.explicit);
  const byWhy = Map.groupBy(candidates, (candidate) => whyByAge(candidate, spec, now) ?? 'fit');
  const tagsOf = (why: 'fit' | 'AgeUnknown') => (byWhy.get(why) ?? []).map(({ tag }) => tag);
  const rivals = (byWhy.get('fit') ?? []).filter(({ tag }) => !named.has(tag));
  const newest = new Set((spec.newest ? newestOf(rivals, spec.newest, spec) : rivals).map(({ tag }) => tag));
  const isTaken = (tag: string) => named.has(tag) || newest.has(tag);
  const beaten = tagsOf('fit').filter((tag) => !isTaken(tag));
  return {
    tags: tagsOf('fit').filter(isTaken).sort(compareTags()),
    leftOut: inOrder([
      ...asLeftOut(tagsOf('AgeUnknown'), 'AgeUnknown'),
      ...(byWhy.get('TooYoung') ?? []).map(({ tag, created, seen }) => ({
        ...definedFields({ tag, created, seen }),
        why: 'TooYoung' as const,
      })),
      ...asLeftOut(beaten, 'NotNewest'),
    ]),
  };
}

function whyByAge(
  { tag, created, seen }: DatedTag,
  { minAge, newest, explicit }: TagSelection,
  now: Date,
): 'AgeUnknown' | 'TooYoung' | undefined {
  const rule = ageRule(minAge);
  const isCompared = newest?.by === 'Created' && !explicit.includes(tag);
  if (isCompared ? !isPast(created, now) : !created && rule?.by === 'Claimed') return 'AgeUnknown';
  return !rule || isOld(rule, rule.by === 'Claimed' ? created : seen, now) ? undefined : 'TooYoung';
}

/** What claims to be made later than now would be the newest for good. */
const isPast = (made: Date | undefined, now: Date): boolean => made !== undefined && made <= now;
/** What was never seen is young. */
function isOld({ duration }: { readonly duration: string }, since: Date | undefined, now: Date): boolean {
  return since !== undefined && now.getTime() - since.getTime() >= durationMs(duration);
}

const asLeftOut = (tags: readonly string[], why: LeftOut['why'] | undefined): readonly LeftOut[] =>
  why === undefined ? [] : tags.map((tag) => ({ tag, why }));

const inOrder = (all: readonly LeftOut[]): readonly LeftOut[] => {
  const compare = compareTags();
  return all.toSorted((a, b) => compare(a.tag, b.tag));
};

/** One half of a selection: of the tags that are there by their names, or of those candidates by their age. */
type Half =
  { readonly present: readonly string[] } | { readonly candidates: readonly DatedTag[]; readonly now: Date };

/** A half as it is sent to a thread: columns, which are copied in a fraction of the time of rows. Times are milliseconds, NaN = none. */
export type SentHalf = { readonly spec: TagSelection } & (
  | { readonly present: readonly string[] }
  | {
      readonly tags: readonly string[];
      readonly created: Float64Array;
      readonly seen: Float64Array;
      readonly now: Date;
    }
);

/** Answers one half: {@link selectByName} or {@link selectByAge}. May run on another thread. */
export function selectTags(sent: SentHalf): Parsed<NameChoice> {
  if ('present' in sent) return selectByName(sent.present, sent.spec);
  const { tags, created, seen, spec, now } = sent;
  const dateAt = (times: Float64Array, at: number) => {
    const time = times[at] ?? NaN;
    return Number.isNaN(time) ? undefined : new Date(time);
  };
  const candidates = tags.map((tag, at) =>
    definedFields({ tag, created: dateAt(created, at), seen: dateAt(seen, at) }),
  );
  return parsed({ ...selectByAge(candidates, spec, now), passedOver: [] });
}

function asSent(half: Half, spec: TagSelection): SentHalf {
  if ('present' in half) return { ...half, spec };
  const { candidates, now } = half;
  const times = (of: 'created' | 'seen') => Float64Array.from(candidates, (one) => one[of]?.getTime() ?? NaN);
  return {
    tags: candidates.map(({ tag }) => tag),
    created: times('created'),
    seen: times('seen'),
    spec,
    now,
  };
}

/** {@link selectTags} beside the main thread; never rejects. */
export type SelectElsewhere = (
  sent: SentHalf,
  weight: { readonly bytes: number; readonly owner: string },
) => Promise<JobOutcome<ReturnType<typeof selectTags>>>;

/** Tags up to which a selection without patterns is made on the main thread: at worst it takes some milliseconds. */
const SELECTED_HERE = 500;
/** Bytes of a tag, as the work on it is weighed. */
const TAG_BYTES = 16;

/**
 * {@link selectTags} where it does not keep the main thread: patterns that anyone wrote may take long for any tag. A Fault where no
 * thread does it. `elsewhere` absent = here.
 */
export async function selectInTime(
  from: ImageRef,
  { spec, ...half }: { readonly spec: TagSelection } & Half,
  elsewhere?: SelectElsewhere,
): Promise<Parsed<NameChoice>> {
  const count = 'present' in half ? half.present.length : half.candidates.length;
  const isSmall = count <= SELECTED_HERE && spec.include.length + spec.exclude.length === 0;
  const sent = asSent(half, spec);
  if (elsewhere === undefined || count === 0 || isSmall) return selectTags(sent);
  const owner = nameOf(from);
  const outcome = await elsewhere(sent, { bytes: count * TAG_BYTES, owner });
  if (outcome.ok) return outcome.value;
  const reason = explainFailure(outcome.failure, `choose among ${String(count)} tags`);
  throw new Fault({ ...reason, operation: `select tags of ${owner}`, side: 'source' });
}

/** A tag that was selected by its name, with what is known of it. */
interface DatedTag {
  readonly tag: string;
  /** When the image says it was made; absent = it does not say, or it is unknown. */
  readonly created?: Date;
  /** When its digest was seen first; absent = never before. */
  readonly seen?: Date;
}

/** Higher versions first, then what is no version, by its name: the order in which a run goes through tags. */
const compareTags = () => compareAs('Prerelease');

/** Compares tags, for one sorting of them: each is read once. */
function compareAs(suffix: TagSelection['suffix']): (a: string, b: string) => number {
  const versions = new Map<string, ReturnType<typeof parseTagVersion>>();
  const versionOf = (tag: string) => {
    if (!versions.has(tag)) versions.set(tag, parseTagVersion(tag, suffix));
    return versions.get(tag);
  };
  return (a, b) => {
    const [x, y] = [versionOf(a), versionOf(b)];
    if (x && y) return compareNewestFirst(x, y) || compareText(a, b);
    if (x || y) return x ? -1 : 1;
    return compareText(a, b);
  };
}

/** The newest of some candidates. By Semver, what is no version is never among them, and what has another scheme ranks behind. */
function newestOf(
  candidates: readonly DatedTag[],
  { count, by }: NonNullable<TagSelection['newest']>,
  { scheme, suffix }: TagSelection,
): readonly DatedTag[] {
  const compare = compareAs(suffix);
  const byVersion = (a: DatedTag, b: DatedTag): number => compare(a.tag, b.tag);
  if (by === 'Semver') {
    const versions = candidates.flatMap((candidate) => {
      const version = parseTagVersion(candidate.tag, suffix);
      if (!version) return [];
      // With Any all are others, and equal.
      const isOther = schemeOf(candidate.tag, version) !== scheme;
      return [{ candidate, rank: isOther ? 1 : 0 }];
    });
    return versions
      .toSorted((a, b) => a.rank - b.rank || byVersion(a.candidate, b.candidate))
      .slice(0, count)
      .map(({ candidate }) => candidate);
  }
  const madeAt = ({ created }: DatedTag): number => created?.getTime() ?? -Infinity;
  const byCreation = (a: DatedTag, b: DatedTag): number =>
    madeAt(a) === madeAt(b) ? byVersion(a, b) : madeAt(b) - madeAt(a);
  return candidates.toSorted(byCreation).slice(0, count);
}

/** By code units, whatever the language of the machine is. */
function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/**
 * Says why nothing of a repository is selected, in one clause. `leftOut` = what is left out although its name matches; `listed` = how
 * many tags the repository lists, absent where it was not asked for a list. Some registries list no tag of a repository that they
 * do not have, where others say that there is none: a mistyped name and an empty repository give the same answer.
 */
export function nothingSelected(from: ImageRef, leftOut: readonly LeftOut[], listed?: number): string {
  const nothing = `no tag of ${nameOf(from)} is selected`;
  const whys = [...new Set(leftOut.map(({ why }) => why))].join(', ');
  const but = leftOut.length === 0 ? '' : `, ${String(leftOut.length)} left out as ${whys}`;
  if (listed === undefined) return `${nothing}${but}`;
  if (listed === 0)
    return `${nothing}: the repository lists no tag at all; it is empty, or its name is mistyped${but}`;
  return `${nothing}: the repository lists ${String(listed)} ${listed === 1 ? 'tag' : 'tags'}${but}`;
}

/**
 * No image is older than images are: Docker was first released in March 2013. What claims to be older was given a fixed date by its
 * build tool (year 1 by Go, 1970 by ko, Jib and Bazel, 1980 by buildpacks and zip, others elsewhere) and claims nothing.
 */
const FIRST_IMAGE = Date.UTC(2013, 2, 1);

/**
 * When an image was made, by what it says; `undefined` = that claims nothing. Only dates and RFC 3339 timestamps are read, as the OCI
 * image specification wants them: others are read differently by each reader.
 */
export function claimedTime(said: string | null | undefined): Date | undefined {
  const moment = parseTime(said ?? '');
  return moment && moment.getTime() >= FIRST_IMAGE ? moment : undefined;
}
