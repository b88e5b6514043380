import * as z from 'zod';
import { descriptorSchema, isIndexType, isManifestType, parseKeeping } from './descriptor.ts';
import type { AnnotationKeys, Descriptor } from './descriptor.ts';
import { parseDigest, type Digest } from './digest.ts';
import { listOf, objectOf, textOf } from './json.ts';
import { parsed, problem, type Parsed } from './problem.ts';
import { isTag } from './reference.ts';

/** One page of a listing of referrers, or the whole one under the fallback tag. */
export interface ListingBytes {
  readonly bytes: Uint8Array;
  /** The registry's word for it, in lower case and without parameters. */
  readonly contentType?: string | undefined;
  /** The annotations to keep; absent = all. */
  readonly keys?: AnnotationKeys | undefined;
}

/** What stands where a listing of referrers is expected. */
export interface Listing {
  /** Whether body or registry name it an image manifest, or an index. */
  readonly isNamedImage: boolean;
  readonly isNamedIndex: boolean;
  /** Whether it has manifests, whatever it is. */
  readonly hasManifests: boolean;
  /** `entries` are counted as listed, `items` name each referrer once; absent when the body is no listing. */
  readonly read?: { readonly entries: number; readonly items: readonly Descriptor[] };
}

// What makes it a listing: `manifests` is there. Registries that list nothing may write null.
const listing = z.object({
  schemaVersion: z.unknown().optional(),
  mediaType: z.string().nullish(),
  manifests: z.array(z.unknown()).nullable(),
  config: z.null().optional(),
  layers: z.array(z.never()).nullish(),
});
const nameable = z.object({ mediaType: z.string().min(1), digest: z.string() });

/**
 * Reads a listing of referrers (distribution spec 1.1, "Listing Referrers" and "Referrers Tag Schema"), whatever it is served
 * as. The problem names a limit.
 */
export function parseListing({ bytes, contentType = '', keys }: ListingBytes): Parsed<Listing> {
  const kept = parseKeeping(bytes, keys);
  if (!kept.ok) return kept;
  const kinds = [textOf(objectOf(kept.value).mediaType), contentType].filter(isManifestType);
  const entries = entriesIn(kept.value, contentType);
  return parsed({
    isNamedImage: kinds.some((kind) => !isIndexType(kind)),
    isNamedIndex: kinds.some(isIndexType),
    hasManifests: listOf(objectOf(kept.value).manifests).length > 0,
    ...(entries && { read: { entries: entries.length, items: descriptorsIn(entries) } }),
  });
}

/** The entries of an index, whatever it is served as; `undefined` when the body is none. */
function entriesIn(body: unknown, served: string): readonly unknown[] | undefined {
  const { data } = listing.safeParse(body);
  if (data === undefined) return undefined;
  const kind = data.mediaType ?? (isManifestType(served) ? served : undefined);
  const isIndex =
    kind === undefined ? data.schemaVersion === 2 && data.manifests !== null : isIndexType(kind);
  return isIndex ? (data.manifests ?? []) : undefined;
}

/** Each referrer once. An entry that names nothing is left out; it must not hide the others. */
function descriptorsIn(entries: readonly unknown[]): readonly Descriptor[] {
  const byDigest = new Map<Digest, Descriptor>();
  for (const entry of entries) {
    const descriptor = descriptorIn(entry);
    if (descriptor && !byDigest.has(descriptor.digest)) byDigest.set(descriptor.digest, descriptor);
  }
  return [...byDigest.values()];
}

/** A broken entry that still names a manifest is kept bare, so that the reader opens it: a flag must not vanish with it. */
function descriptorIn(entry: unknown): Descriptor | undefined {
  const whole = descriptorSchema.safeParse(entry);
  if (whole.success) return whole.data;
  const bare = nameable.safeParse(entry).data;
  const digest = parseDigest(bare?.digest);
  return bare && digest && { mediaType: bare.mediaType, digest, size: 0, annotations: {} };
}

const tags = z.array(z.unknown());
// A registry without tags writes null, or leaves the field out beside its name; what has neither is no list.
const tagList = z.union([
  z.object({ tags: tags.nullable() }),
  z.object({ name: z.string(), tags: tags.nullish() }),
]);

/** Reads one page of a list of tags; what is no tag is left out. */
export function parseTags({ bytes }: Pick<ListingBytes, 'bytes'>): Parsed<readonly string[]> {
  const read = parseKeeping(bytes, []);
  const body = tagList.safeParse(read.ok && read.value);
  if (!body.success) return problem('', 'is no list of tags');
  return parsed((body.data.tags ?? []).filter((tag): tag is string => typeof tag === 'string' && isTag(tag)));
}
