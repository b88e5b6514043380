import * as z from 'zod';
import {
  isIndexType,
  MEDIA_TYPE,
  type Descriptor,
  type Digest,
  parseJson,
  fallbackTag,
} from '../../core/model/index.ts';
import type { Call } from './call.ts';
import { fault } from './fault.ts';
import { putManifest, readRawManifest } from './manifest.ts';
import { pause } from './pause.ts';
import type { Send } from './transport.ts';

/** Keeps the listings that stand in for the referrers API (distribution spec 1.1, "Referrers Tag Schema"). */
export interface FallbackTags {
  /** Adds an entry to the listing of a subject, and makes sure that it stays. For one at a time: see {@link Turns}. */
  readonly add: (call: Call, subject: Digest, entry: Descriptor) => Promise<void>;
}

/** Waits until the earlier calls with the same key are done. Held by one client for all its logins. */
export type Turns = <T>(key: string, act: () => Promise<T>) => Promise<T>;

/** Most times a listing is written again because another writer has overwritten our entry. */
const MAX_REWRITES = 5;
/** Longest pause before it is written again, in milliseconds, doubled each time: two writers must fall out of step. */
const REWRITE_PAUSE_MS = 100;

// Everything that is not understood is written back as it was.
const listed = z.looseObject({ digest: z.string() });
const listing = z.looseObject({ mediaType: z.string().optional(), manifests: z.array(listed).nullish() });
type Listing = z.output<typeof listing>;

/** Makes the turns of one client. */
export function createTurns(): Turns {
  const last = new Map<string, Promise<unknown>>();
  return async (key, act) => {
    const before = last.get(key) ?? Promise.resolve();
    const mine = before.then(act, act);
    last.set(key, mine);
    try {
      return await mine;
    } finally {
      if (last.get(key) === mine) last.delete(key);
    }
  };
}

/** Makes the keeper of fallback tags; `random` (from 0 to before 1) sets two writers apart. */
export function createFallbackTags(parts: {
  readonly send: Send;
  readonly random: () => number;
}): FallbackTags {
  const { send, random } = parts;

  const merge = async (call: Call, tag: string, entry: Descriptor): Promise<void> => {
    let present = await readListing(send, call, tag);
    for (let rewrites = 0; !lists(present, entry.digest); rewrites += 1) {
      if (rewrites > MAX_REWRITES) {
        throw fault(call, 'RegistryUnavailable', 'others keep writing the fallback tag at the same time');
      }
      if (rewrites > 0) await pause(call, random() * REWRITE_PAUSE_MS * 2 ** rewrites);
      // What others have written meanwhile is in `present`: it was read after our own last writing.
      const merged = withEntry(present, entry);
      const bytes = Buffer.from(JSON.stringify(merged));
      await putManifest(send, call, { name: tag, bytes, mediaType: merged.mediaType });
      present = await readListing(send, call, tag);
    }
  };

  return {
    add: (call, subject, entry) => merge(call, fallbackTag(subject), entry),
  };
}

/** What lies under the tag; nothing at all is an empty listing, and what is no listing is never written over. */
async function readListing(send: Send, call: Call, tag: string): Promise<Listing> {
  const raw = await readRawManifest(send, call, tag);
  if (raw === undefined) return {};
  const read = listing.safeParse(parseJson(raw.bytes)).data;
  const mediaType = read?.mediaType ?? raw.contentType ?? '';
  if (read !== undefined && isIndexType(mediaType)) return { ...read, mediaType };
  throw fault(call, 'RegistryMisbehaved', 'what lies under the fallback tag is not a listing');
}

function lists({ manifests }: Listing, digest: Digest): boolean {
  return manifests?.some((one) => one.digest === digest) === true;
}

function withEntry(present: Listing, entry: Descriptor): Listing & { readonly mediaType: string } {
  const seen = new Set<string>([entry.digest]);
  const others = (present.manifests ?? []).filter(({ digest }) => !seen.has(digest) && seen.add(digest));
  return {
    schemaVersion: 2,
    ...present,
    mediaType: present.mediaType ?? MEDIA_TYPE.ociIndex,
    manifests: [...others, wireOf(entry)],
  };
}

function wireOf({ annotations, ...entry }: Descriptor): z.output<typeof listed> {
  return { ...entry, ...(Object.keys(annotations).length > 0 && { annotations }) };
}
