import * as z from 'zod';
import { isIndexType, type Descriptor } from './descriptor.ts';
import { digestOf } from './digest.ts';
import { objectOf, parseCounted } from './json.ts';
import { parseListing, parseTags } from './listing.ts';
import { parseManifest, parseManifestBytes, type ManifestContent } from './manifest.ts';
import { parsed, problem, type Parsed } from './problem.ts';

/** A manifest, and what it is to have besides. */
export interface Extension {
  readonly bytes: Uint8Array;
  readonly mediaType: string;
  /** Layers of another manifest, by their places in its list: they are added as they are written there. */
  readonly from?: { readonly bytes: Uint8Array; readonly at: readonly number[] };
  /** Layers that are added behind all others. */
  readonly layers?: readonly object[];
  /** Fields of the config that are replaced; the others stay, except for bytes of the old one. */
  readonly config?: object | undefined;
}

/** Every field stays, known or not: what others wrote is not ours to tidy. */
const extended = z.looseObject({ layers: z.array(z.unknown()).nullish() });

/** The manifest with more layers; what is there stays as it is written. May run on another thread: four MiB take some time. */
export function extendManifest({
  bytes,
  mediaType,
  from,
  layers = [],
  config,
}: Extension): Parsed<ManifestContent> {
  const body = extended.safeParse(parseCounted(bytes));
  const other = extended.safeParse(from ? parseCounted(from.bytes) : {});
  if (!body.success || !other.success) return problem('', 'is no manifest with layers');
  const taken = (from?.at ?? []).map((at) => other.data.layers?.[at]);
  const whole = {
    ...body.data,
    ...(config && { config: { ...objectOf(body.data.config), data: undefined, ...config } }),
    layers: [...(body.data.layers ?? []), ...taken, ...layers],
  };
  const json = Buffer.from(JSON.stringify(whole));
  const read = parseManifest(json, digestOf(json), mediaType);
  return read.ok ? parsed({ manifest: read.value, bytes: json }) : read;
}

/** A listing of referrers as a registry holds it, and what is to be in it. */
export interface ListedEntry {
  readonly bytes: Uint8Array;
  /** The registry's word for it. */
  readonly contentType?: string | undefined;
  readonly entry: Descriptor;
}

/** The listing that has an entry; without bytes where it had it already. */
export interface ListingWith {
  readonly mediaType: string;
  readonly bytes?: Uint8Array;
}

const listing = z.looseObject({
  mediaType: z.string().optional(),
  manifests: z.array(z.looseObject({ digest: z.string() })).nullish(),
});

/**
 * Adds an entry to the listing that stands under the fallback tag (distribution spec 1.1, "Referrers Tag Schema"), of which each other
 * one is kept once, with all its fields. What is no listing is a problem. May run on another thread.
 */
export function addToListing({ bytes, contentType, entry }: ListedEntry): Parsed<ListingWith> {
  const read = listing.safeParse(parseCounted(bytes)).data;
  const mediaType = read?.mediaType ?? contentType ?? '';
  if (read === undefined || !isIndexType(mediaType)) return problem('', 'is no listing');
  const present = read.manifests ?? [];
  if (present.some(({ digest }) => digest === entry.digest)) return parsed({ mediaType });
  const seen = new Set<string>();
  const others = present.filter(({ digest }) => !seen.has(digest) && seen.add(digest));
  const hasAny = Object.keys(entry.annotations).length > 0;
  const added = { ...entry, annotations: hasAny ? entry.annotations : undefined };
  const whole = { schemaVersion: 2, ...read, mediaType, manifests: [...others, added] };
  return parsed({ mediaType, bytes: Buffer.from(JSON.stringify(whole)) });
}

/** What is parsed of the answers of registries, and made of them: on the main thread where it is small, beside it where it is large. */
export const REGISTRY_JOBS = {
  manifest: parseManifestBytes,
  listing: parseListing,
  tags: parseTags,
  extension: extendManifest,
  entry: addToListing,
};
