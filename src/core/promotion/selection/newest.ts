import type { TagSelection } from '../schema.ts';
import { compareNewestFirst, parseTagVersion } from './versions.ts';

/** A tag that was selected by its name, with what is known of it. */
export interface DatedTag {
  readonly tag: string;
  /** When the image says it was made; absent = it does not say, or nobody could find out. */
  readonly created?: Date;
}

/** Higher versions first, then what is no version, by its name: the order in which a run goes through tags. */
export function compareTags(a: string, b: string): number {
  const [x, y] = [parseTagVersion(a), parseTagVersion(b)];
  if (x && y) return compareNewestFirst(x, y) || compareText(a, b);
  if (x || y) return x ? -1 : 1;
  return compareText(a, b);
}

/** The newest of some candidates. By Semver, what is no version is never among them. */
export function newestOf<T extends DatedTag>(
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
