import { excessOfJson, MAX_JSON_VALUES, objectOf, parsed, parseJson, problem } from '../../model/index.ts';
import type { JobOutcome, Parsed } from '../../model/index.ts';
import { readVulnerabilities } from '../../policy/index.ts';

/** What is read of a report, or why it cannot be read. */
export type Found = NonNullable<ReturnType<typeof readVulnerabilities>>;

/**
 * A scanner's report as JSON in two parts, so that those of several platforms can be put together without parsing them: large ones
 * would keep the main thread. Both were written by `readScanReport`, so each part is valid wherever it is put.
 */
export interface ReportText {
  /** Its other fields, as JSON of an object without the braces; never empty. */
  readonly fields: Uint8Array;
  /** The value of its field `Results`; absent = it has no such field. */
  readonly results?: Uint8Array;
}

/** A report and what is read of it. */
export interface ScanReport {
  readonly report: ReportText;
  readonly found: Found;
}

/** Reads what a scanner printed. Never rejects; `owner` = on whose behalf. */
export type ReportReader = (printed: Uint8Array, owner: string) => Promise<JobOutcome<Parsed<ScanReport>>>;

/** Bytes up to which a report is read on the main thread: at worst it takes some milliseconds. */
const READ_HERE_BYTES = 64 * 1024;

/** Makes a reader of reports by `readScanReport`: of small ones on this thread, of others by `elsewhere`. */
export function createReportReader(
  elsewhere: (
    printed: Uint8Array,
    weight: { readonly bytes: number; readonly owner: string },
  ) => ReturnType<ReportReader>,
): ReportReader {
  return async (printed, owner) => {
    const bytes = printed.byteLength;
    if (bytes > READ_HERE_BYTES) return elsewhere(printed, { bytes, owner });
    return { ok: true, value: readScanReport(printed) };
  };
}

/** The type under which a bare report of a scanner is read. */
const BARE_REPORT = 'application/vnd.aquasec.trivy.report+json';

/**
 * Reads what a scanner printed. The problem, a clause that begins with a verb, is that it is no report at all; a report that is one
 * and has what cannot be read says so in `found`.
 */
export function readScanReport(printed: Uint8Array): Parsed<ScanReport> {
  // Parsing very many values takes more memory than a thread may have.
  if (excessOfJson(printed) !== undefined)
    return problem('', `printed JSON with more than ${String(MAX_JSON_VALUES)} values, or nested too deeply`);
  const predicate = parseJson(printed);
  if (predicate === undefined) return problem('', 'printed what is no JSON');
  if (!('SchemaVersion' in objectOf(predicate))) return problem('', 'printed JSON that is no report');
  const found = readVulnerabilities({ predicateType: BARE_REPORT, predicate });
  return found
    ? parsed({ report: textOf(predicate), found })
    : problem('', 'printed a report of something else');
}

function textOf(report: unknown): ReportText {
  const { Results, ...fields } = objectOf(report);
  const text = bytesOf(JSON.stringify(fields).slice(1, -1));
  return Results === undefined
    ? { fields: text }
    : { fields: text, results: bytesOf(JSON.stringify(Results)) };
}

/** Never part of a pool: these bytes are sent between threads. */
function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

const OPENING = '['.charCodeAt(0);

/** The texts of several reports as one: that of the first, with the results of all. */
export function mergeTexts(first: ReportText, all: readonly ReportText[]): ReportText {
  const lists = all.flatMap(({ results }) =>
    // A list that has elements; no other value has any.
    results?.[0] === OPENING && results.byteLength > '[]'.length ? [results.subarray(1, -1)] : [],
  );
  const separated = lists.flatMap((list, index) => (index === 0 ? [list] : [bytesOf(','), list]));
  return { fields: first.fields, results: Buffer.concat([bytesOf('['), ...separated, bytesOf(']')]) };
}

/** The JSON of a report, in pieces. */
export function piecesOf({ fields, results }: ReportText): readonly Uint8Array[] {
  const rest = results ? [bytesOf(',"Results":'), results] : [];
  return [bytesOf('{'), fields, ...rest, bytesOf('}')];
}
