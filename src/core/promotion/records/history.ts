import * as z from 'zod';
import { isKeptTag } from '../concurrency.ts';
import {
  excessOfJson,
  Fault,
  formatReference,
  nameOf,
  parsed,
  parseJson,
  parseWith,
  problem,
  rfc3339,
} from '../../model/index.ts';
import type { Descriptor, Digest, ImageRef, Manifest, Parsed, Reason } from '../../model/index.ts';
import type { TargetRegistry } from '../ports.ts';
import { MIRROR_HISTORY_TAG } from '../selection/reserved-tags.ts';
import { buildArtifact, encodeJson, pushArtifact, TITLE, type Artifact, type Marks } from './artifact.ts';
import type { RunIdentity } from './statement.ts';

/** Artifact type, config type and layer type of the history. */
export const HISTORY_TYPE = 'application/vnd.toddysm.mirror-history.v1+json';
/** Largest history that is read, in bytes: some fifty thousand entries. */
const MAX_HISTORY_BYTES = 16 * 1024 * 1024;
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

/** A number that may have more digits than a double; looking at every value costs the main thread too much where there is none. */
const LONG_NUMBER = /[:[,]\s*-?\d[\d.eE+-]{15,}/;

/** The same JSON with such numbers as they were written, so that what others wrote is written back unchanged. */
function withExactNumbers(bytes: Uint8Array, json: unknown): unknown {
  const text = json === undefined ? '' : new TextDecoder().decode(bytes);
  if (!LONG_NUMBER.test(text)) return json;
  const { rawJSON } = JSON as unknown as { readonly rawJSON: (source: string) => unknown };
  const keep = (_: string, value: unknown, { source }: { readonly source?: string } = {}): unknown =>
    typeof value === 'number' && source !== undefined && String(value) !== source ? rawJSON(source) : value;
  return JSON.parse(text, keep) as unknown;
}

/** Whether this digest was mirrored before under this tag of the source. */
export function wasMirrored(
  { entries }: MirrorHistory,
  { sourceTag, sourceDigest }: Pick<Arrival, 'sourceTag' | 'sourceDigest'>,
): boolean {
  return entries.some((entry) => entry.sourceTag === sourceTag && entry.sourceDigest === sourceDigest);
}

/** The history with these arrivals behind the others; what is recorded already is added only when it was forced. */
export function appendArrivals(history: MirrorHistory, arrivals: readonly Arrival[]): MirrorHistory {
  return arrivals.reduce<MirrorHistory>(
    (so, arrival) =>
      wasMirrored(so, arrival) && !arrival.force ? so : { ...so, entries: [...so.entries, entryOf(arrival)] },
    history,
  );
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
function historyLayer({ layers }: Manifest): Descriptor | undefined {
  const named = layers.find(({ annotations }) => annotations[TITLE] === HISTORY_FILE);
  return named ?? layers.find(({ mediaType }) => mediaType === HISTORY_TYPE) ?? layers[0];
}

function entryOf({ sourceTag, sourceDigest, destTag, syncedAt, run, force }: Arrival) {
  const { url: runUrl = '', id: runId, attempt } = run;
  // Their readers expect text.
  const runAttempt = String(attempt);
  return { sourceTag, sourceDigest, destTag, syncedAt: rfc3339(syncedAt), runUrl, runId, runAttempt, force };
}

/** What was mirrored into a repository, as its history lists it, with what this run adds. */
export interface HistoryBook {
  /** Reads it once. A reason = it is there and cannot be read: it is never taken for an empty one. */
  readonly load: (signal: AbortSignal) => Promise<Reason | undefined>;
  readonly has: (one: { readonly tag: string; readonly digest: Digest }) => boolean;
  /** Adds an arrival; those that come while one is being written are written together. */
  readonly add: (arrival: Arrival, signal: AbortSignal) => Promise<Reason | undefined>;
}

/** Times that a history is written again because another client wrote at the same moment. */
const MAX_WRITES = 4;

/** Whether what is written here could not be read again. */
function isFull({ blobs }: Artifact): boolean {
  return blobs.some((bytes) => bytes.byteLength > MAX_HISTORY_BYTES || excessOfJson(bytes));
}

/** A history as it was found, with the annotations of its manifest. */
interface Found {
  readonly history: MirrorHistory;
  readonly annotations: Marks;
}

/** Opens the history of the repository `to`, into which is mirrored from `from`. */
export function createHistoryBook(target: TargetRegistry, to: ImageRef, from: ImageRef): HistoryBook {
  const ref = { registry: to.registry, repository: to.repository, tag: MIRROR_HISTORY_TAG };
  let history: MirrorHistory | undefined;
  let waiting: Arrival[] = [];
  let kept: Fault | undefined;
  let writing: Promise<Reason | undefined> = Promise.resolve(undefined);

  const read = async (signal: AbortSignal): Promise<Parsed<Found>> => {
    const content = await target.content(ref, signal);
    if (!content) return parsed({ history: emptyHistory(nameOf(to), nameOf(from)), annotations: {} });
    const { annotations } = content.manifest;
    const layer = historyLayer(content.manifest);
    if (!layer) return problem('', 'it has no layer');
    const bytes = await target.blob(ref, layer, MAX_HISTORY_BYTES, signal);
    if (!bytes) return problem('', 'its layer is missing');
    const found = parseHistory(bytes);
    return found.ok ? parsed({ history: found.value, annotations }) : found;
  };
  const unreadable = ({ problems }: Extract<Parsed<unknown>, { ok: false }>): Reason => {
    const why = problems.map(({ path, message }) => `${path} ${message}`.trim()).join('; ');
    const detail = `the history under ${formatReference(ref)} cannot be read: ${why}`;
    return { code: 'UnreadableEvidence', detail };
  };

  /**
   * Whether the tag has what was pushed, with its layer, or else these arrivals among others: two mirrors of one repository know nothing
   * of each other.
   */
  const isWritten = async (
    { content: { manifest } }: Artifact,
    arrivals: readonly Arrival[],
    signal: AbortSignal,
  ): Promise<boolean> => {
    const [layer] = manifest.layers;
    const [now, bytes] = await Promise.all([
      target.content(ref, signal),
      layer && target.blob(ref, layer, MAX_HISTORY_BYTES, signal),
    ]);
    if (bytes && now?.manifest.digest === manifest.digest) return true;
    const after = await read(signal);
    return after.ok && arrivals.every((one) => wasMirrored(after.value.history, one));
  };

  /** Writes all that waits, also records that others added; a record that could not be written waits for its next turn. */
  const writeWaiting = async (signal: AbortSignal): Promise<Reason | undefined> => {
    const arrivals = waiting;
    waiting = [];
    let written = false;
    try {
      const refused = await write(arrivals, signal);
      written = refused === undefined;
      return refused;
    } finally {
      if (!written) waiting = [...arrivals, ...waiting];
    }
  };

  /** Writes arrivals, and reads back whether they are there. */
  const write = async (arrivals: readonly Arrival[], signal: AbortSignal): Promise<Reason | undefined> => {
    if (arrivals.length === 0) return undefined;
    for (let attempt = 1; attempt <= MAX_WRITES; attempt += 1) {
      const found = await read(signal);
      if (!found.ok) return unreadable(found);
      const before = found.value.history;
      history = appendArrivals(before, arrivals);
      if (history === before) return undefined;
      const artifact = historyArtifact(history, found.value.annotations);
      if (isFull(artifact)) {
        history = before;
        return { code: 'LimitExceeded', detail: `the history under ${formatReference(ref)} is full` };
      }
      try {
        await pushArtifact(target, ref, artifact, signal);
      } catch (error) {
        // What it does not have is not in it, and the other images of this run need not try.
        history = before;
        if (error instanceof Fault && isKeptTag(error)) kept = error;
        throw error;
      }
      if (await isWritten(artifact, arrivals, signal)) return undefined;
    }
    const detail = `the history under ${formatReference(ref)} is being overwritten by another writer`;
    return { code: 'CopyIncomplete', detail };
  };

  return {
    load: async (signal) => {
      if (history) return undefined;
      const found = await read(signal);
      if (!found.ok) return unreadable(found);
      history = found.value.history;
      return undefined;
    },
    has: ({ tag, digest }) =>
      history !== undefined && wasMirrored(history, { sourceTag: tag, sourceDigest: digest }),
    add: async (arrival, signal) => {
      if (kept) throw kept;
      const { sourceTag, sourceDigest } = arrival;
      // Added again by the next try.
      const others = waiting.filter(
        (one) => one.sourceTag !== sourceTag || one.sourceDigest !== sourceDigest,
      );
      waiting = [...others, arrival];
      // The caller before has received its own failure.
      writing = writing.catch(() => undefined).then(() => writeWaiting(signal));
      return writing;
    },
  };
}
