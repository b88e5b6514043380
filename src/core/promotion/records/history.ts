import * as z from 'zod';
import { parseDigest, parsed, type Digest, type Parsed, parseJson, rfc3339 } from '../../model/index.ts';
import { buildArtifact, encodeJson, type Artifact } from './artifact.ts';
import type { RunIdentity } from './run-identity.ts';

/** Artifact type, config type and layer type of the history. */
export const HISTORY_TYPE = 'application/vnd.toddysm.mirror-history.v1+json';
/** Largest history that is read, in bytes: some fifty thousand entries. */
export const MAX_HISTORY_BYTES = 16 * 1024 * 1024;

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
  const read = historySchema.safeParse(parseJson(bytes));
  if (read.success) return parsed(read.data);
  const problems = read.error.issues.map(({ path, message }) => ({ path: path.join('.'), message }));
  return { ok: false, problems };
}

/** Whether this digest was mirrored before under this tag of the source. */
export function wasMirrored(
  { entries }: MirrorHistory,
  { sourceTag, sourceDigest }: Pick<Arrival, 'sourceTag' | 'sourceDigest'>,
): boolean {
  return entries.some(
    (entry) => entry.sourceTag === sourceTag && parseDigest(entry.sourceDigest) === sourceDigest,
  );
}

/** The history with these arrivals behind the others; what is recorded already is added only when it was forced. */
export function appendArrivals(history: MirrorHistory, arrivals: readonly Arrival[]): MirrorHistory {
  return arrivals.reduce<MirrorHistory>(
    (so, arrival) =>
      wasMirrored(so, arrival) && !arrival.force ? so : { ...so, entries: [...so.entries, entryOf(arrival)] },
    history,
  );
}

/** The manifest to push under the tag that is reserved for it, with its blobs. */
export function historyArtifact(history: MirrorHistory): Artifact {
  const mediaType = HISTORY_TYPE;
  return buildArtifact({
    artifactType: mediaType,
    config: { mediaType, bytes: encodeJson({}) },
    layers: [{ mediaType, bytes: encodeJson(history) }],
    annotations: {},
  });
}

function entryOf({
  sourceTag,
  sourceDigest,
  destTag,
  syncedAt,
  run,
  force,
}: Arrival): z.output<typeof entrySchema> {
  return {
    sourceTag,
    sourceDigest,
    destTag,
    syncedAt: rfc3339(syncedAt),
    runUrl: run.url ?? '',
    runId: run.id,
    runAttempt: run.attempt,
    force,
  };
}
