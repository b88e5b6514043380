import * as z from 'zod';
import { digestOf, excessOfJson, parsed, parseJson, parseWith, rfc3339 } from '../../model/index.ts';
import type { Descriptor, Digest, JobOutcome, Manifest, Parsed } from '../../model/index.ts';
import { buildArtifact, encodeJson, TITLE, type Artifact, type Marks } from './artifact.ts';
import type { RunIdentity } from './statement.ts';

/** Artifact type, config type and layer type of the history. */
export const HISTORY_TYPE = 'application/vnd.toddysm.mirror-history.v1+json';
/** Largest history that is read, in bytes: some fifty thousand entries. */
export const MAX_HISTORY_BYTES = 16 * 1024 * 1024;
/** The file as which the public mirror workflows pull it: without it they take a history for a broken one. */
const HISTORY_FILE = 'mirror-history.json';

const text = z.string().nullish();

/** Only what decides is demanded; whatever else an entry says is kept. */
const entrySchema = z.looseObject({
  sourceTag: z.string(),
  sourceDigest: z.string(),
  destTag: text,
  syncedAt: text,
});
const historySchema = z.looseObject({
  schemaVersion: z.literal(1),
  image: text,
  source: text,
  entries: z.array(entrySchema),
});

/** What was mirrored into a repository: append-only, whatever became of it since. */
export type MirrorHistory = z.output<typeof historySchema>;

/** One arrival. */
export interface Arrival {
  readonly sourceTag: string;
  readonly sourceDigest: Digest;
  readonly destTag: string;
  readonly syncedAt: Date;
  readonly run: RunIdentity;
  /** Pulled in although it had been here before. */
  readonly force: boolean;
}

/** A history with nothing in it. */
export function emptyHistory(image: string, source: string): MirrorHistory {
  return { schemaVersion: 1, image, source, entries: [] };
}

/** Reads the layer of a history; one that cannot be read is a problem, and never an empty one. */
export function parseHistory(bytes: Uint8Array): Parsed<MirrorHistory> {
  // Neither too many values nor too many levels: numbers are read by a function that calls itself.
  const json = excessOfJson(bytes) === undefined ? parseJson(bytes) : undefined;
  return parseWith(historySchema, withExactNumbers(bytes, json));
}

/** A number that may have more digits than a double, or be beyond its range; looking at every value costs too much where there is none. */
const LONG_NUMBER = /(?:"\s*:|[[,])\s*-?\d(?:[\d.eE+-]{15,}|[\d.]*[eE])/;

/** The same JSON with such numbers as they were written, so that what others wrote is written back unchanged. */
function withExactNumbers(bytes: Uint8Array, json: unknown): unknown {
  const text = json === undefined ? '' : new TextDecoder().decode(bytes);
  if (!LONG_NUMBER.test(text)) return json;
  const { rawJSON } = JSON as unknown as { readonly rawJSON: (source: string) => unknown };
  const keep = (_: string, value: unknown, { source }: { readonly source?: string } = {}): unknown =>
    typeof value === 'number' && source !== undefined && String(value) !== source ? rawJSON(source) : value;
  return JSON.parse(text, keep) as unknown;
}

/** What an entry is known by: tag and digest at the source. */
type Mirrored = Readonly<Record<'sourceTag' | 'sourceDigest', string>>;

/** Hex digits of a name: so many that no one finds two entries with the same. */
const NAME_DIGITS = 32;

/** The name of an entry, of {@link NAME_DIGITS} hex digits. */
export function entryName({ sourceTag, sourceDigest }: Mirrored): string {
  return digestOf(JSON.stringify([sourceTag, sourceDigest]))
    .slice('sha256:'.length)
    .slice(0, NAME_DIGITS);
}

/** Whether a name is among those of a {@link HistoryPage}, which are sorted: found by halves. */
export function isNamed(names: string, name: string): boolean {
  let [from, to] = [0, names.length / NAME_DIGITS];
  while (from < to) {
    const middle = (from + to) >>> 1;
    const found = names.slice(middle * NAME_DIGITS, (middle + 1) * NAME_DIGITS);
    if (found === name) return true;
    if (found < name) from = middle + 1;
    else to = middle;
  }
  return false;
}

/** The history with these arrivals behind the others; what is recorded already is added only when it was forced. */
export function appendArrivals(
  history: MirrorHistory,
  arrivals: readonly Arrival[],
  names: readonly string[] = history.entries.map(entryName),
): MirrorHistory {
  const known = new Set(names);
  const added = arrivals.filter((arrival) => {
    const name = entryName(arrival);
    const isNew = arrival.force || !known.has(name);
    known.add(name);
    return isNew;
  });
  return added.length === 0 ? history : { ...history, entries: [...history.entries, ...added.map(entryOf)] };
}

/** The manifest to push under the tag that is reserved for it, with its blobs; `kept` = annotations that others wrote there. */
export function historyArtifact(history: MirrorHistory, kept: Marks = {}): Artifact {
  const mediaType = HISTORY_TYPE;
  const { schemaVersion, image, source, entries } = history;
  const count = entries.length;
  const updated = entries.at(-1)?.syncedAt ?? undefined;
  return buildArtifact({
    artifactType: mediaType,
    config: { mediaType, bytes: encodeJson({ schemaVersion, image, source, count, updated }) },
    layers: [{ mediaType, bytes: encodeJson(history), annotations: { [TITLE]: HISTORY_FILE } }],
    annotations: {
      ...kept,
      [TITLE]: HISTORY_FILE,
      'com.toddysm.mirror-history.count': String(count),
      'com.toddysm.mirror-history.updated': updated,
    },
  });
}

/** The layer that holds the history: by its file name, else by its type, else the first. */
export function historyLayer({ layers }: Manifest): Descriptor | undefined {
  const named = layers.find(({ annotations }) => annotations[TITLE] === HISTORY_FILE);
  return named ?? layers.find(({ mediaType }) => mediaType === HISTORY_TYPE) ?? layers[0];
}

function entryOf({ sourceTag, sourceDigest, destTag, syncedAt, run, force }: Arrival) {
  const { url: runUrl = '', id: runId, attempt } = run;
  // Their readers expect text.
  const runAttempt = String(attempt);
  return { sourceTag, sourceDigest, destTag, syncedAt: rfc3339(syncedAt), runUrl, runId, runAttempt, force };
}

/** A history as it was found, and what is to be added to it. */
export interface HistoryQuestion {
  /** Its layer; absent = there is no history yet. */
  readonly layer?: Uint8Array | undefined;
  /** The names of the target and of the source, for a new one. */
  readonly image: string;
  readonly source: string;
  /** Of its manifest. */
  readonly annotations: Marks;
  readonly arrivals: readonly Arrival[];
}

/** What is read of a history, and what is to be written. */
export interface HistoryPage {
  /** The names of the entries that were found, sorted, one after the other: see {@link isNamed}. */
  readonly names: string;
  /** The history with the arrivals; absent where all of them are in it, `full` where it could not be read again. */
  readonly artifact?: Artifact | 'full';
}

/** Reads a history and adds to it. May run on another thread: a history of 16 MiB takes half a second. */
export function updateHistory(question: HistoryQuestion): Parsed<HistoryPage> {
  const { layer, image, source, annotations, arrivals } = question;
  const found = layer ? parseHistory(layer) : parsed(emptyHistory(image, source));
  if (!found.ok) return found;
  const listed = found.value.entries.map(entryName);
  const history = appendArrivals(found.value, arrivals, listed);
  const names = listed.toSorted().join('');
  if (history === found.value) return parsed({ names });
  const artifact = historyArtifact(history, annotations);
  return parsed({ names, artifact: isFull(artifact) ? 'full' : artifact });
}

/** {@link updateHistory} beside the main thread; never rejects. */
export type UpdateHistoryElsewhere = (
  question: HistoryQuestion,
  weight: { readonly bytes: number; readonly owner: string },
) => Promise<JobOutcome<Parsed<HistoryPage>>>;

/** Whether what is written here could not be read again. */
function isFull({ blobs }: Artifact): boolean {
  return blobs.some((bytes) => bytes.byteLength > MAX_HISTORY_BYTES || excessOfJson(bytes));
}
