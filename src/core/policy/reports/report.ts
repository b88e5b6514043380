import * as z from 'zod';
import { combineRatings, type Rating } from './severity.ts';

/**
 * Most findings of one report, before those that repeat are folded; the worst images have some thousands. The findings of a large
 * statement come from another thread: the main thread needs 16 ms to receive so many, and is never to be kept longer than 20.
 */
export const MAX_FINDINGS = 30_000;

/** One vulnerability in one package. */
export interface VulnerabilityFinding extends Rating {
  /** As the report names it, e.g. `CVE-2026-0001`. */
  readonly id: string;
  /** Whether a fixed version is known; also true when the report does not say, so that silence never hides a finding. */
  readonly fixable: boolean;
  readonly package?: string;
}

/** One finding of two about the same vulnerability in the same package: all ratings count, and a fix in either is a fix. */
export function mergeFindings(one: VulnerabilityFinding, other: VulnerabilityFinding): VulnerabilityFinding {
  const { id, package: name } = other;
  const fixable = one.fixable || other.fixable;
  return { id, ...combineRatings([one, other]), fixable, ...(name !== undefined && { package: name }) };
}

/** What a scanner found, whatever format it was written in. */
export interface VulnerabilityReport {
  /** The scanner's own name or URI, with its version as far as the report has it. */
  readonly scanner: string;
  /** When the scan ended. When the report has several times, the earliest: a converted report is as old as its scan. */
  readonly scannedAt?: Date;
  /** Set when the report has a time that cannot be read; then `scannedAt` is absent. */
  readonly unreadableTime: boolean;
  readonly findings: readonly VulnerabilityFinding[];
  /** Whether packages of a distribution were examined; absent where the format does not report it. */
  readonly systemExamined?: boolean;
  /** What the scanner did not examine, as far as the format can say it: one clause each. Without findings it is not clean. */
  readonly unexamined: readonly string[];
}

/** A vulnerability report that cannot be read, and why as one clause: it must never count as a report without findings. */
export interface UnreadableReport {
  readonly unreadable: string;
}

/** What the reader of one format makes of a document, before times are read and findings folded. */
export interface RawReport {
  readonly scanner: string;
  readonly times: readonly (string | null | undefined)[];
  readonly findings: readonly VulnerabilityFinding[];
  readonly unexamined: readonly string[];
  readonly systemExamined?: boolean;
}

/** The clause for a report that names nothing in which vulnerabilities were searched for. */
export const NOTHING_RECOGNISED = 'the scanner recognised nothing in it';

/** What is not examined of an image for this operating system: scanners know the packages of Linux. */
export function foreignSystem(os: string | null | undefined): readonly string[] {
  const system = (os ?? '').trim().toLowerCase();
  return LINUX.has(system) ? [] : [`it is for ${system}, whose packages scanners do not know`];
}

/** Names of Linux; an index writes `unknown` where it has none. */
const LINUX: ReadonlySet<string> = new Set(['', 'linux', 'unknown']);

/** A scanner with its version, as far as the report has it. */
export function nameOfScanner(scanner: string, version: string | null | undefined): string {
  return [scanner, version ?? ''].join(' ').trim();
}

/** Whether reading failed. */
export function isUnreadable(read: object): read is UnreadableReport {
  return 'unreadable' in read;
}

/** Longest id, package or scanner name, in UTF-16 units. */
const MAX_NAME_LENGTH = 256;
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu;

/** A text of a report, fit for a message. */
export function oneLine(text: string): string {
  return text.replaceAll(UNPRINTABLE, ' ').trim();
}

/** A name that ends up in messages: not empty, not endless, on one line. */
export const name = z.string().max(MAX_NAME_LENGTH).transform(oneLine).pipe(z.string().min(1));

/** A list whose elements are read one by one later, after they were counted. */
export const list = z.array(z.unknown());

type Read<T> = { readonly value: T } | UnreadableReport;

/** Reads `value` as `schema` says, or reports where in the document (`of`) it could not. */
export function readAs<T>(schema: z.ZodType<T>, value: unknown, of: string): Read<T> {
  const read = schema.safeParse(value);
  if (read.success) return { value: read.data };
  const path = read.error.issues[0]?.path.map(String).join('.') ?? '';
  return { unreadable: `${of} cannot be read${path === '' ? '' : ` at ${path}`}` };
}

/** Reads every element of a list, unless one cannot be read or there are more than {@link MAX_FINDINGS}. */
export function readEach<T>(schema: z.ZodType<T>, items: readonly unknown[], of: string): Read<readonly T[]> {
  if (items.length > MAX_FINDINGS) return { unreadable: `has more than ${MAX_FINDINGS} findings` };
  const values: T[] = [];
  for (const [index, item] of items.entries()) {
    const read = readAs(schema, item, `${of} ${index + 1}`);
    if ('unreadable' in read) return read;
    values.push(read.value);
  }
  return { value: values };
}
