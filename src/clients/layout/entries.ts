import { isTag, MEDIA_TYPE, parseReference, type Descriptor } from '../../core/model/index.ts';
import type { Entry, LayoutIndex } from './index-file.ts';

/** Annotation by which an index names an image (OCI image spec, "Pre-Defined Annotation Keys"). */
const REF_NAME = 'org.opencontainers.image.ref.name';
/** The full name of an image, as containerd and BuildKit write it beside. */
const CONTAINERD_NAME = 'io.containerd.image.name';
const NAMES: readonly string[] = [REF_NAME, CONTAINERD_NAME];

/** The tag of an entry: its name, or the tag of it where that is the full name of an image. */
export function tagOf({ annotations }: Pick<Entry, 'annotations'>): string | undefined {
  for (const key of NAMES) {
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
    const others = Object.entries(entry.annotations ?? {}).filter(([key]) => !NAMES.includes(key));
    const annotations = Object.fromEntries(others);
    return [{ ...entry, annotations }];
  });
  return { ...index, manifests };
}
