import {
  formatReference,
  nameOf,
  parsed,
  problem,
  type Digest,
  type ImageRef,
  type Parsed,
  type Reason,
} from '../../model/index.ts';
import type { TargetRegistry } from '../ports.ts';
import {
  appendArrivals,
  emptyHistory,
  historyArtifact,
  MAX_HISTORY_BYTES,
  parseHistory,
  wasMirrored,
  type Arrival,
  type MirrorHistory,
} from './history.ts';
import { pushArtifact } from './push.ts';
import { MIRROR_HISTORY_TAG } from '../selection/reserved-tags.ts';

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

/** Opens the history of the repository `to`, into which is mirrored from `from`. */
export function createHistoryBook({
  target,
  to,
  from,
}: {
  readonly target: TargetRegistry;
  readonly to: ImageRef;
  readonly from: ImageRef;
}): HistoryBook {
  const { registry, repository } = to;
  const ref: ImageRef = { registry, repository, tag: MIRROR_HISTORY_TAG };
  let history: MirrorHistory | undefined;
  let waiting: Arrival[] = [];
  let writing: Promise<Reason | undefined> = Promise.resolve(undefined);

  const read = async (signal: AbortSignal): Promise<Parsed<MirrorHistory>> => {
    const content = await target.content(ref, signal);
    const layer = content?.manifest.layers[0];
    if (!layer)
      return content ? problem('', 'it has no layer') : parsed(emptyHistory(nameOf(to), nameOf(from)));
    const bytes = await target.blob(ref, layer, MAX_HISTORY_BYTES, signal);
    return bytes ? parseHistory(bytes) : problem('', 'its layer is missing');
  };
  const unreadable = (found: Extract<Parsed<unknown>, { ok: false }>): Reason => {
    const why = found.problems.map(({ path, message }) => `${path} ${message}`.trim()).join('; ');
    return {
      code: 'UnreadableEvidence',
      detail: `the history under ${formatReference(ref)} cannot be read: ${why}`,
    };
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

  /** Reads back, because two mirrors of one repository know nothing of each other. */
  const write = async (arrivals: readonly Arrival[], signal: AbortSignal): Promise<Reason | undefined> => {
    if (arrivals.length === 0) return undefined;
    for (let attempt = 1; attempt <= MAX_WRITES; attempt += 1) {
      const found = await read(signal);
      if (!found.ok) return unreadable(found);
      const longer = appendArrivals(found.value, arrivals);
      history = longer;
      if (longer === found.value) return undefined;
      await pushArtifact({ registry: target, to: ref, artifact: historyArtifact(longer) }, signal);
      const after = await read(signal);
      if (after.ok && arrivals.every((one) => wasMirrored(after.value, one))) return undefined;
    }
    const detail = `the history under ${formatReference(ref)} is being overwritten by another writer`;
    return { code: 'CopyIncomplete', detail };
  };

  return {
    load: async (signal) => {
      if (history) return undefined;
      const found = await read(signal);
      if (!found.ok) return unreadable(found);
      history = found.value;
      return undefined;
    },
    has: ({ tag, digest }) =>
      history !== undefined && wasMirrored(history, { sourceTag: tag, sourceDigest: digest }),
    add: (arrival, signal) => {
      // Added again by the next try.
      const others = waiting.filter(
        ({ sourceTag, sourceDigest }) =>
          sourceTag !== arrival.sourceTag || sourceDigest !== arrival.sourceDigest,
      );
      waiting = [...others, arrival];
      // The caller before has received its own failure.
      writing = writing.catch(() => undefined).then(() => writeWaiting(signal));
      return writing;
    },
  };
}
