import type { Manifest, PinnedRef } from '../model/index.ts';

/** A tag read as a version: numbers, and the variant behind them (`1.4.2-alpine`). */
interface Version {
  readonly tag: string;
  readonly numbers: readonly [number, number, number];
  /** Numbers written out: `1.4` has two and may move, `1.4.2` has three. */
  readonly written: number;
  readonly variant: string;
}

const VERSION = /^v?(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?(?:-([\w.-]+))?$/;
/** Variants that are pre-releases: they are never suggested as a successor. */
const PRERELEASE = /^(?:alpha|beta|rc|pre|dev|snapshot|next)/i;

/** Annotations that name the line an image belongs to, the second as the public cssc workflows write it. */
const LINE_KEYS = ['dev.pratique.image.lineage', 'com.toddysm.image.lineage'];
const VERSION_KEY = 'org.opencontainers.image.version';
/** Annotations of a manifest by which its line is known. */
export const LINEAGE_KEYS: readonly string[] = [...LINE_KEYS, VERSION_KEY];

/**
 * Tags that may replace an outdated image, best first: same variant, higher version; those of the same minor line
 * before those of the same major, before all others; full versions only where the line has any. Source of the line: the
 * lineage annotation, else `org.opencontainers.image.version`, else the tag.
 */
export function successorTags(
  image: PinnedRef,
  manifest: Manifest,
  tags: readonly string[],
): readonly string[] {
  const current = parseVersion(manifest.annotations[VERSION_KEY]) ?? parseVersion(image.tag);
  const line = lineOf(manifest) ?? current?.numbers;
  if (!line) return [];
  const higher = tags
    .flatMap((tag) => parseVersion(tag) ?? [])
    .filter(({ variant }) => variant === (current?.variant ?? '') && !PRERELEASE.test(variant))
    .filter((version) => version.tag !== image.tag && (!current || compare(version, current) > 0));
  const full = higher.filter(({ written }) => written === 3);
  return (full.length > 0 ? full : higher)
    .sort((a, b) => closeness(b, line) - closeness(a, line) || compare(b, a))
    .map(({ tag }) => tag);
}

function parseVersion(tag: string | undefined): Version | undefined {
  const match = VERSION.exec(tag ?? '');
  if (!match) return undefined;
  const [text, major, minor, patch, variant = ''] = match;
  const written = [major, minor, patch].filter((part) => part !== undefined).length;
  return { tag: text, numbers: [Number(major), Number(minor ?? 0), Number(patch ?? 0)], written, variant };
}

function lineOf({ annotations }: Manifest): readonly number[] | undefined {
  const line = LINE_KEYS.map((key) => annotations[key]).find((value) => value !== undefined);
  return line !== undefined && /^\d{1,9}(?:\.\d{1,9})?$/.test(line) ? line.split('.').map(Number) : undefined;
}

/** 2 in the same minor line, 1 in the same major, else 0. */
function closeness({ numbers }: Version, line: readonly number[]): number {
  if (numbers[0] !== line[0]) return 0;
  return line[1] === undefined || numbers[1] === line[1] ? 2 : 1;
}

function compare(a: Version, b: Version): number {
  const [x, y] = [a.numbers, b.numbers];
  return x[0] - y[0] || x[1] - y[1] || x[2] - y[2];
}
