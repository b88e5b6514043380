import { RE2JS } from 're2js';
import { parsed, problem, type Parsed, type Problem } from '../../model/index.ts';
import type { TagSelection } from '../schema.ts';
import { isReservedTag } from './reserved-tags.ts';
import { parseTagVersion, parseVersionRange, type TagVersion } from './versions.ts';

/** The part of a selection that looks at names only. */
export interface TagFilter {
  /** Whether ranges and patterns select this tag; where there are none, `newest` chooses among all. */
  readonly selects: (tag: string) => boolean;
  /** Whether the tag is kept out, whatever selects it. */
  readonly excludes: (tag: string) => boolean;
}

/** Largest compiled pattern, in instructions: RE2 is linear in text times pattern, and repetitions make patterns large. */
const MAX_INSTRUCTIONS = 10_000;

/** Compiles ranges and patterns, or lists every problem with its path below `tags`. */
export function compileTagFilter({
  semver,
  include,
  exclude,
  explicit,
  newest,
}: TagSelection): Parsed<TagFilter> {
  const problems: Problem[] = [];
  const all = <T>(
    field: string,
    texts: readonly string[],
    compile: (text: string) => Parsed<T>,
  ): readonly T[] =>
    texts.flatMap((text, index) => {
      const read = compile(text);
      if (read.ok) return [read.value];
      problems.push(...read.problems.map(({ message }) => ({ path: `${field}[${String(index)}]`, message })));
      return [];
    });
  const ranges = all('semver', semver, parseVersionRange);
  const included = all('include', include, compilePattern);
  const excluded = all('exclude', exclude, compilePattern);
  all('explicit', explicit, (tag) =>
    isReservedTag(tag)
      ? problem('', 'is never an image: it belongs to another one, or to the books')
      : parsed(tag),
  );
  if (problems.length > 0) return { ok: false, problems };
  const anything = ranges.length + included.length > 0 || newest !== undefined;
  return parsed({
    selects: (tag) => anything && isInRange(tag, ranges) && isAnyOf(tag, included),
    excludes: (tag) => isReservedTag(tag) || excluded.some((finds) => finds(tag)),
  });
}

function isInRange(tag: string, ranges: readonly ((version: TagVersion) => boolean)[]): boolean {
  if (ranges.length === 0) return true;
  const version = parseTagVersion(tag);
  return version !== undefined && ranges.some((isIn) => isIn(version));
}

const isAnyOf = (tag: string, patterns: readonly ((tag: string) => boolean)[]): boolean =>
  patterns.length === 0 || patterns.some((finds) => finds(tag));

function compilePattern(text: string): Parsed<(tag: string) => boolean> {
  try {
    const pattern = RE2JS.compile(text);
    if (pattern.programSize() > MAX_INSTRUCTIONS) return problem('', 'repeats too much');
    return parsed((tag) => pattern.matcher(tag).find());
  } catch (error) {
    return problem(
      '',
      `is no RE2 regular expression: ${error instanceof Error ? error.message : 'unreadable'}`,
    );
  }
}
