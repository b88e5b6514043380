import * as z from 'zod';
import { digestOf, nameOf, parseDigest, parseShort, pin, rfc3339 } from '../../model/index.ts';
import type { Digest, ImageRef } from '../../model/index.ts';
import { parseTime } from '../../policy/index.ts';
import type { ArtifactSigner, Statement, TargetRegistry } from '../ports.ts';
import { FIRST_SEEN_TAG } from '../selection/reserved-tags.ts';
import { buildArtifact, encodeJson, pushArtifact } from './artifact.ts';
import { payloadIn, statementAbout } from './statement.ts';

/** Predicate type and artifact type of the list. */
const PREDICATE_TYPE = 'https://pratique.dev/first-seen/v1';
const FIRST_SEEN_TYPE = 'application/vnd.pratique.first-seen.v1+json';
const LAYER_TYPE = { signed: 'application/vnd.dsse.envelope.v1+json', plain: 'application/vnd.in-toto+json' };

/** Digests that one list holds: its JSON has to be read on the main thread, and has fewer than 10,000 values. */
export const MAX_SEEN = 4_000;
/** Largest list that is read, in bytes: so many entries of a sha512 each, in base64. */
const MAX_BYTES = 2 * 1024 * 1024;
/** Times that the list is written again because another client wrote at the same moment. */
const MAX_WRITES = 4;

const statementSchema = z.object({
  predicateType: z.literal(PREDICATE_TYPE),
  predicate: z.object({ repository: z.string(), entries: z.record(z.string(), z.string()) }),
});

type Seen = ReadonlyMap<Digest, Date>;

/**
 * Since when digests are known that runs have met at the source, kept in the repository that they are to go to. Who can push there
 * without the key of the promotion can write no date: where the promotion signs, only a list by its signer counts.
 */
export interface SeenBook {
  /** When each digest was seen first. What cannot be read, or was not made by the signer, is no list: all is new then. */
  readonly load: (signal: AbortSignal) => Promise<Seen>;
  /**
   * Adds these digests as of now. Those of `candidates` stay where there is no room for all. Throws the `Fault` of the registry when
   * the list cannot be written.
   */
  readonly add: (
    news: readonly Digest[],
    candidates: readonly Digest[],
    now: Date,
    signal: AbortSignal,
  ) => Promise<void>;
}

/** Opens the list of a repository. */
export function createSeenBook(
  target: TargetRegistry,
  { registry, repository }: ImageRef,
  signer: ArtifactSigner | undefined,
): SeenBook {
  const ref = { registry, repository, tag: FIRST_SEEN_TAG };
  const load = async (signal: AbortSignal): Promise<Seen> => {
    const content = await target.content(ref, signal);
    const [layer] = content?.manifest.layers ?? [];
    const bytes =
      layer && layer.size <= MAX_BYTES ? await target.blob(ref, layer, MAX_BYTES, signal) : undefined;
    return bytes ? readSeen(bytes, nameOf(ref), signer) : new Map<Digest, Date>();
  };
  const write = async (seen: Seen, signal: AbortSignal): Promise<void> => {
    const statement = statementOf(seen, ref);
    const bytes = signer ? (await signer.signStatement(statement, signal)).layer : encodeJson(statement);
    const mediaType = signer ? LAYER_TYPE.signed : LAYER_TYPE.plain;
    const layers = [{ mediaType, bytes }];
    await pushArtifact(
      target,
      ref,
      buildArtifact({ artifactType: FIRST_SEEN_TYPE, layers, annotations: {} }),
      signal,
    );
  };
  return {
    load,
    add: async (news, candidates, now, signal) => {
      for (let attempt = 1; attempt <= MAX_WRITES; attempt += 1) {
        const known = await load(signal);
        const lacking = news.filter((digest) => !known.has(digest));
        if (lacking.length === 0) return;
        // A clock that went back must not make what is new older than what was seen before it.
        const at = new Date(Math.max(now.getTime(), ...[...known.values()].map(Number)));
        const added = new Map([...known, ...lacking.map((digest) => [digest, at] as const)]);
        const kept = asManyAsFit(added, new Set(candidates));
        // What has no room is new in the next run, too.
        if (!lacking.some((digest) => kept.has(digest))) return;
        await write(kept, signal);
        const after = await load(signal);
        if (lacking.every((digest) => after.has(digest) || !kept.has(digest))) return;
      }
    },
  };
}

/** The list without what has no room: at first what is no candidate any more, the oldest of it first. */
function asManyAsFit(seen: Seen, candidates: ReadonlySet<Digest>): Seen {
  if (seen.size <= MAX_SEEN) return seen;
  const rank = ([digest, at]: readonly [Digest, Date]): number =>
    candidates.has(digest) ? Infinity : at.getTime();
  const order = [...seen].toSorted((a, b) => (rank(a) === rank(b) ? 0 : rank(b) - rank(a)));
  return new Map(order.slice(0, MAX_SEEN));
}

function statementOf(seen: Seen, ref: ImageRef): Statement {
  const entries = Object.fromEntries([...seen].map(([digest, at]) => [digest, rfc3339(at)]));
  const predicate = { repository: nameOf(ref), entries };
  return statementAbout(pin(ref, digestOf(encodeJson(predicate))), PREDICATE_TYPE, predicate);
}

/**
 * The entries of a list that was written for this repository, and by this signer where there is one. A signer that cannot recognise
 * what it has made, such as one with certificates, recognises no list: all would be new for ever, so that the claim counts.
 */
function readSeen(bytes: Uint8Array, repository: string, signer: ArtifactSigner | undefined): Seen {
  if (signer?.made && !signer.made({ form: 'envelope', json: bytes })) return new Map();
  const written = parseShort(bytes);
  const payload = payloadIn(written);
  const read = statementSchema.safeParse(payload ? parseShort(payload) : written).data;
  if (read?.predicate.repository !== repository) return new Map();
  return new Map(
    Object.entries(read.predicate.entries).flatMap(([name, time]) => {
      const [digest, at] = [parseDigest(name), parseTime(time)];
      return digest && at && at.getTime() >= FIRST_LIST ? [[digest, at] as const] : [];
    }),
  );
}

/** No list is older than lists are: an earlier time was written by a clock that was not set. */
const FIRST_LIST = Date.UTC(2026, 0, 1);
