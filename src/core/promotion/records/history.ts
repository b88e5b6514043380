import { explainFailure, Fault, formatReference, nameOf, problem } from '../../model/index.ts';
import type { Digest, ImageRef, Parsed, Reason } from '../../model/index.ts';
import { isKeptTag } from '../concurrency.ts';
import type { TargetRegistry } from '../ports.ts';
import { MIRROR_HISTORY_TAG } from '../selection/reserved-tags.ts';
import { pushArtifact, type Artifact } from './artifact.ts';
import {
  entryName,
  historyLayer,
  isNamed,
  MAX_HISTORY_BYTES,
  updateHistory,
  type Arrival,
  type HistoryPage,
  type HistoryQuestion,
  type UpdateHistoryElsewhere,
} from './history-page.ts';

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

/** Bytes up to which a history is read and written on the main thread: at worst it takes some milliseconds. */
const READ_HERE_BYTES = 64 * 1024;

/** Opens the history of the repository `to`, into which is mirrored from `from`. `elsewhere` absent = it is read on this thread. */
export function createHistoryBook(
  target: TargetRegistry,
  to: ImageRef,
  from: ImageRef,
  elsewhere?: UpdateHistoryElsewhere,
): HistoryBook {
  const ref = { registry: to.registry, repository: to.repository, tag: MIRROR_HISTORY_TAG };
  const about = { image: nameOf(to), source: nameOf(from) };
  /** Names of the entries, as they were read last. */
  let names: string | undefined;
  const written = new Set<string>();
  let waiting: Arrival[] = [];
  let kept: Fault | undefined;
  let writing: Promise<Reason | undefined> = Promise.resolve(undefined);

  const update = async (question: HistoryQuestion): Promise<Parsed<HistoryPage>> => {
    const bytes = question.layer?.byteLength ?? 0;
    if (elsewhere === undefined || bytes <= READ_HERE_BYTES) return updateHistory(question);
    const outcome = await elsewhere(question, { bytes, owner: about.image });
    if (outcome.ok) return outcome.value;
    const operation = `read the history under ${formatReference(ref)}`;
    const { code, detail, transient } = explainFailure(outcome.failure, 'read a large history');
    if (transient) throw new Fault({ code, detail, transient, operation, side: 'target' });
    return { ok: false, problems: [{ path: '', message: detail, reason: code }] };
  };

  /** Reads what is there, and makes what it is with these arrivals. */
  const read = async (arrivals: readonly Arrival[], signal: AbortSignal): Promise<Parsed<HistoryPage>> => {
    const content = await target.content(ref, signal);
    if (!content) return update({ ...about, annotations: {}, arrivals });
    const { annotations } = content.manifest;
    const found = historyLayer(content.manifest);
    if (!found) return problem('', 'it has no layer');
    const layer = await target.blob(ref, found, MAX_HISTORY_BYTES, signal);
    if (!layer) return problem('', 'its layer is missing');
    return update({ ...about, layer, annotations, arrivals });
  };
  const unreadable = ({ problems }: Extract<Parsed<unknown>, { ok: false }>): Reason => {
    const why = problems.map(({ path, message }) => `${path} ${message}`.trim()).join('; ');
    const detail = `the history under ${formatReference(ref)} cannot be read: ${why}`;
    return { code: problems[0]?.reason ?? 'UnreadableEvidence', detail };
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
    const after = await read([], signal);
    return after.ok && arrivals.every((one) => isNamed(after.value.names, entryName(one)));
  };

  /** Writes all that waits, also records that others added; a record that could not be written waits for its next turn. */
  const writeWaiting = async (signal: AbortSignal): Promise<Reason | undefined> => {
    const arrivals = waiting;
    waiting = [];
    let isDone = false;
    try {
      const refused = await write(arrivals, signal);
      isDone = refused === undefined;
      if (isDone) for (const one of arrivals) written.add(entryName(one));
      return refused;
    } finally {
      if (!isDone) waiting = [...arrivals, ...waiting];
    }
  };

  /** Writes arrivals, and reads back whether they are there. */
  const write = async (arrivals: readonly Arrival[], signal: AbortSignal): Promise<Reason | undefined> => {
    if (arrivals.length === 0) return undefined;
    for (let attempt = 1; attempt <= MAX_WRITES; attempt += 1) {
      const found = await read(arrivals, signal);
      if (!found.ok) return unreadable(found);
      const { artifact } = found.value;
      names = found.value.names;
      if (artifact === undefined) return undefined;
      if (artifact === 'full')
        return { code: 'LimitExceeded', detail: `the history under ${formatReference(ref)} is full` };
      try {
        await pushArtifact(target, ref, artifact, signal);
      } catch (error) {
        // The other images of this run need not try.
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
      if (names !== undefined) return undefined;
      const found = await read([], signal);
      if (!found.ok) return unreadable(found);
      names = found.value.names;
      return undefined;
    },
    has: ({ tag, digest }) => {
      const name = entryName({ sourceTag: tag, sourceDigest: digest });
      return written.has(name) || isNamed(names ?? '', name);
    },
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
