import * as z from 'zod';
import {
  excessOfJson,
  isTag,
  MEDIA_TYPE,
  parsed,
  parseDigest,
  parseJson,
  parseReference,
  parseWith,
  problem,
} from '../../core/model/index.ts';
import type { Descriptor, Digest, Parsed } from '../../core/model/index.ts';

/** Annotation by which an index names an image (OCI image spec, "Pre-Defined Annotation Keys"). */
export const REF_NAME = 'org.opencontainers.image.ref.name';
/** The full name of an image, as containerd and BuildKit write it beside. */
const CONTAINERD_NAME = 'io.containerd.image.name';
/** Most entries of one index: a thousand tags with signatures of every platform. */
export const MAX_ENTRIES = 10_000;
/** Values of JSON that so many entries have at most. */
const MAX_VALUES = 40 * MAX_ENTRIES;

const digest = z
  .string()
  .refine((text) => parseDigest(text) !== undefined, 'is not a sha256 or sha512 digest')
  .transform((text) => text as Digest);
// Everything that is not understood is written back as it was.
const entrySchema = z.looseObject({
  mediaType: z.string().min(1),
  digest,
  size: z.int().nonnegative(),
  annotations: z.record(z.string(), z.string()).nullish(),
});
const indexSchema = z.looseObject({
  schemaVersion: z.literal(2),
  manifests: z
    .array(entrySchema)
    .max(MAX_ENTRIES)
    .nullish()
    .transform((all) => all ?? []),
});

/** What `index.json` lists. */
export type Entry = z.output<typeof entrySchema>;
/** `index.json` of a folder in the OCI image layout. */
export type LayoutIndex = z.output<typeof indexSchema>;

/** Reads `index.json`. The problem names the entry. */
export function parseIndex(bytes: Uint8Array): Parsed<LayoutIndex> {
  const excess = excessOfJson(bytes, MAX_VALUES);
  if (excess === 'values') return { ok: false, problems: [{ ...TOO_MANY, isLimit: true }] };
  if (excess === 'depth') return problem('', 'is nested too deeply');
  const json = parseJson(bytes);
  if (json === undefined) return problem('', 'is not JSON');
  const read = parseWith(indexSchema, json);
  return read.ok ? parsed(read.value) : { ok: false, problems: read.problems.slice(0, 1) };
}

const TOO_MANY = { path: 'manifests', message: `has more than ${MAX_ENTRIES} entries` };

/** The tag of an entry: its name, or the tag of it where that is the full name of an image. */
export function tagOf({ annotations }: Pick<Entry, 'annotations'>): string | undefined {
  for (const key of [REF_NAME, CONTAINERD_NAME]) {
    const name = annotations?.[key] ?? '';
    if (isTag(name)) return name;
    const full = parseReference(name);
    if (full.ok && name.endsWith(`:${full.value.tag ?? ''}`)) return full.value.tag;
  }
  return undefined;
}

/** The entries of each tag, those of one digest once. */
export function byTag({ manifests }: LayoutIndex): ReadonlyMap<string, readonly Entry[]> {
  const tags = new Map<string, Entry[]>();
  for (const entry of manifests) {
    const tag = tagOf(entry);
    if (tag === undefined) continue;
    const known = tags.get(tag) ?? [];
    tags.set(tag, known);
    if (!known.some((one) => one.digest === entry.digest)) known.push(entry);
  }
  return tags;
}

/** Tags that belong to a digest. */
const OF_DIGEST = /^sha(?:256|512)-[a-f0-9]{64}/;

/** The index in which the tag has this digest and no other. What had it stays where its digest has another name; else only its files stay. */
export function withTag(index: LayoutIndex, tag: string, given: Descriptor): LayoutIndex {
  const { mediaType, digest: named, size } = given;
  const others = index.manifests.filter((entry) => {
    const own = tagOf(entry);
    return own !== tag && (own !== undefined || entry.digest !== named);
  });
  const entry = { mediaType, digest: named, size, annotations: { [REF_NAME]: tag } };
  // Some readers take the first entry where no name is given: images are before what belongs to them.
  const first = OF_DIGEST.test(tag) ? -1 : others.findIndex((one) => OF_DIGEST.test(tagOf(one) ?? ''));
  return { ...index, manifests: others.toSpliced(first < 0 ? others.length : first, 0, entry) };
}

/** The index with this listing under the fallback tag of an image, and with no other. */
export function withListing(
  index: LayoutIndex,
  tag: string,
  { digest: named, size }: Pick<Descriptor, 'digest' | 'size'>,
): LayoutIndex {
  const others = index.manifests.filter((entry) => tagOf(entry) !== tag);
  const listing = { mediaType: MEDIA_TYPE.ociIndex, digest: named, size, annotations: { [REF_NAME]: tag } };
  return { ...index, manifests: [...others, listing] };
}

/** The index without a tag. What had it stays, without a name. */
export function withoutTag(index: LayoutIndex, tag: string): LayoutIndex {
  const named = new Set(index.manifests.filter((entry) => tagOf(entry) !== tag).map((one) => one.digest));
  const manifests = index.manifests.flatMap((entry) => {
    if (tagOf(entry) !== tag) return [entry];
    if (named.has(entry.digest)) return [];
    named.add(entry.digest);
    const { [REF_NAME]: _name, [CONTAINERD_NAME]: _full, ...annotations } = entry.annotations ?? {};
    return [{ ...entry, annotations }];
  });
  return { ...index, manifests };
}
