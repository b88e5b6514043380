import { RE2JS } from 're2js';
import { parsed, problem, type Parsed, type Problem } from '../../model/index.ts';
import type { TagSelection } from '../schema.ts';
import { isReservedTag } from './reserved-tags.ts';
import { parseTagVersion, parseVersionRange } from './versions.ts';

/** The part of a selection that looks at names only. */
interface TagFilter {
  /** Whether ranges and patterns select this tag; where there are none, `newest` chooses among all. */
  readonly selects: (tag: string) => boolean;
  /** Whether the tag is kept out, whatever selects it. */
  readonly excludes: (tag: string) => boolean;
}

/** Largest compiled pattern, in instructions: RE2 is linear in text times pattern, and repetitions make patterns large. */
const MAX_INSTRUCTIONS = 10_000;

/** Compiles ranges and patterns, or lists every problem with its path below `tags`. */
export function compileTagFilter(tags: TagSelection): Parsed<TagFilter> {
  const problems: Problem[] = [];
  const all = <T>(
    field: 'semver' | 'include' | 'exclude' | 'explicit',
    compile: (text: string) => Parsed<T>,
  ) =>
    tags[field].flatMap((text, index) => {
      const read = compile(text);
      if (read.ok) return [read.value];
      problems.push(...read.problems.map(({ message }) => ({ path: `${field}[${String(index)}]`, message })));
      return [];
    });
  const ranges = all('semver', parseVersionRange);
  const included = all('include', compilePattern);
  const excluded = all('exclude', compilePattern);
  all('explicit', (tag) =>
    isReservedTag(tag)
      ? problem('', 'is never an image: it belongs to another one, or to the books')
      : parsed(tag),
  );
  if (problems.length > 0) return { ok: false, problems };
  const anything = ranges.length + included.length > 0 || tags.newest !== undefined;
  const isInRange = (tag: string): boolean => {
    const version = parseTagVersion(tag, tags.suffix);
    return ranges.length === 0 || (version !== undefined && ranges.some((isIn) => isIn(version)));
  };
  const isIncluded = (tag: string): boolean => included.length === 0 || included.some((finds) => finds(tag));
  return parsed({
    selects: (tag) => anything && isInRange(tag) && isIncluded(tag),
    excludes: (tag) => isReservedTag(tag) || excluded.some((finds) => finds(tag)),
  });
}

function compilePattern(text: string): Parsed<(tag: string) => boolean> {
  try {
    const pattern = RE2JS.compile(text);
    if (pattern.programSize() > MAX_INSTRUCTIONS) return problem('', 'repeats too much');
    return parsed((tag) => pattern.matcher(tag).find());
  } catch (error) {
    const why = error instanceof Error ? error.message : 'unreadable';
    return problem('', `is no RE2 regular expression: ${why}`);
  }
}
