import semver from 'semver';
import { parsed, problem, type Parsed } from '../../model/index.ts';

/** A tag read as a version. */
export interface TagVersion {
  readonly version: semver.SemVer;
  /** How many of its numbers were written: `1.4` has two. */
  readonly written: number;
}

const VERSION = /^v?(\d{1,15})(?:\.(\d{1,15}))?(?:\.(\d{1,15}))?(?:-([0-9A-Za-z.-]+))?(?:_[0-9A-Za-z._-]+)?$/;

/**
 * Reads a tag as a version, leniently: `v1.2.3`, `1.2`, `24.04`, and `1.2.3_build`, since a tag cannot hold the plus sign of
 * build metadata. `undefined` = it is none.
 */
export function parseTagVersion(tag: string): TagVersion | undefined {
  const match = VERSION.exec(tag);
  if (!match) return undefined;
  const [, major, minor, patch, prerelease] = match;
  const numbers = [major, minor, patch].map((part) => Number(part ?? 0)).join('.');
  const version = semver.parse(prerelease === undefined ? numbers : `${numbers}-${prerelease}`, {
    loose: true,
  });
  if (!version) return undefined;
  return { version, written: [major, minor, patch].filter((part) => part !== undefined).length };
}

/** The newer first; of equal ones (`1.2.0`, `1.2`) the one that is written out more, so that the order is always the same. */
export function compareNewestFirst(a: TagVersion, b: TagVersion): number {
  return semver.rcompare(a.version, b.version) || b.written - a.written;
}

/**
 * Reads a range as npm writes them (`>=22 <25`, `^1.4 || ~2.0`). Prereleases are in it only where one of its comparators
 * names one: then all of them between its ends, so that `>=22.0.0-0` is every prerelease since, as in Helm and Flux.
 */
export function parseVersionRange(text: string): Parsed<(tag: TagVersion) => boolean> {
  if (text.trim() === '') return problem('', 'is empty; write * for every version');
  const parts = text.split('||').map(readPart);
  const read = parts.flatMap((part) => part ?? []);
  if (read.length < parts.length) return problem('', 'is no version range; write one such as ">=22 <25"');
  return parsed((tag) => read.some((isIn) => isIn(tag)));
}

function readPart(text: string): ((tag: TagVersion) => boolean) | undefined {
  const includePrerelease = /\d-[0-9A-Za-z]/.test(text);
  try {
    const range = new semver.Range(text, { includePrerelease });
    const ends = (range.set[0] ?? []).filter(
      ({ operator, semver: end }) => operator === '<' && end.prerelease.length === 0,
    );
    // `<25.0.0` is about releases: 25.0.0-rc.1 is no version 24.
    const isBeforeEnd = (version: semver.SemVer): boolean =>
      version.prerelease.length > 0 && ends.some(({ semver: end }) => version.compareMain(end) === 0);
    return ({ version }) => range.test(version) && !isBeforeEnd(version);
  } catch {
    return undefined;
  }
}
