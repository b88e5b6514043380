import semver from 'semver';
import { parsed, problem, type Parsed } from '../../model/index.ts';
import type { TagSelection } from '../schema.ts';

/** A tag read as a version. */
export interface TagVersion {
  readonly version: semver.SemVer;
  /** How many of its numbers were written: `1.4` has two. */
  readonly written: number;
  /** The suffix that counts builds of one version, where suffixes are read so. */
  readonly build?: string;
}

/** How a suffix such as `-2` is read: as semver does, before the version without it, or as a later build of that version. */
type SuffixRule = TagSelection['suffix'];

/**
 * What publishers count builds with, at the end of a tag: `-2`, `_11`, `-r5`, `-ls203`, `-p1`, `-20240115`, and with the distribution
 * before it `-debian-12-r5`. Prereleases and variants (`-rc2`, `-alpine3.20`, `-slim-2`) are none.
 */
const BUILD =
  /^(?:(?:debian|ubuntu|photon|centos|ol|ubi|rhel)-?\d{1,4}-)?(?:r|rev|ls|p|patch|post|fix|hotfix|build|sp|u)?[.-]?\d{1,15}$/i;

const VERSION =
  /^v?(\d{1,15})(?:\.(\d{1,15}))?(?:\.(\d{1,15}))?(?:-([0-9A-Za-z.-]+))?(?:_([0-9A-Za-z._-]+))?$/;

/**
 * Reads a tag as a version, leniently: `v1.2.3`, `1.2`, `24.04`, and `1.2.3_build`, since a tag cannot hold the plus sign of
 * build metadata. `undefined` = it is none.
 */
export function parseTagVersion(tag: string, suffix: SuffixRule = 'Prerelease'): TagVersion | undefined {
  const match = VERSION.exec(tag);
  if (!match) return undefined;
  const [, major, minor, patch, end, metadata] = match;
  const build = suffix === 'Newer' ? buildIn(end ?? metadata) : undefined;
  const prerelease = build === undefined ? end : undefined;
  const numbers = [major, minor, patch].map((part) => Number(part ?? 0)).join('.');
  const version = semver.parse(prerelease === undefined ? numbers : `${numbers}-${prerelease}`, {
    loose: true,
  });
  if (!version) return undefined;
  const written = [major, minor, patch].filter((part) => part !== undefined).length;
  return { version, written, ...(build !== undefined && { build }) };
}

const buildIn = (suffix = ''): string | undefined => (BUILD.test(suffix) ? suffix : undefined);

/** Largest first number of a version; beyond it are dates without dots and numbers of builds. */
const MAX_MAJOR = 9_999;
const YEAR = /^v?(?:19[7-9]\d|20\d{2})(?:$|[._-]|[01]\d)/;

/**
 * How a version numbers: `Calendar` begins with a year (`2024.1.3`, `20240115`), `Number` is one number (`22`, `1705312345`). Years of two
 * digits (`24.04`) are no different from other numbers: Semver.
 */
export function schemeOf(tag: string, { version, written }: TagVersion): 'Semver' | 'Calendar' | 'Number' {
  if (YEAR.test(tag)) return 'Calendar';
  return written === 1 || version.major > MAX_MAJOR ? 'Number' : 'Semver';
}

/** The newer first; of equal ones (`1.2.0`, `1.2`) the one that is written out more, so that the order is always the same. */
export function compareNewestFirst(a: TagVersion, b: TagVersion): number {
  return semver.rcompare(a.version, b.version) || compareBuilds(b.build, a.build) || b.written - a.written;
}

/** The later build behind: numbers by their value (`r10` after `r9`), and a version without one before all. */
function compareBuilds(a = '', b = ''): number {
  return a.localeCompare(b, 'en', { numeric: true });
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
