import type { ImageRef, ManifestContent } from '../../core/model/index.ts';
import { readContent } from './content.ts';
import { byTag } from './entries.ts';
import { fault } from './fault.ts';
import type { At } from './graph.ts';
import type { Entry, LayoutIndex } from './index-file.ts';

/** The entry that a tag names, or no tag: then the only image of the folder. One tag with two digests is a Fault. */
export async function entryAt(it: At, { tag }: ImageRef): Promise<Entry | undefined> {
  const index = await it.store.index(it);
  if (!index) return undefined;
  const [first, other] = byTag(index).get(tag ?? '') ?? [];
  if (first && other) {
    const detail = `index.json names two images ${String(tag)}: ${first.digest} and ${other.digest}; name one by its digest`;
    throw fault(it, 'AmbiguousIndex', detail);
  }
  if (tag === undefined) return onlyImage(it, index);
  return first ?? (tag === 'latest' ? loneImage(it, index) : undefined);
}

async function onlyImage(it: At, index: LayoutIndex): Promise<Entry | undefined> {
  const { roots } = await it.graphOf(it, index);
  if (roots.length <= 1) return roots[0];
  const tags = [...byTag(index).keys()].slice(0, SHOWN_TAGS).join(', ');
  throw fault(
    it,
    'InvalidReference',
    `it has ${roots.length} images: name one by its tag or digest (${tags}…)`,
  );
}

/** Tags that a message lists. */
const SHOWN_TAGS = 8;

/** The image of a folder that has one image without a name: as a name without a tag it is `latest`. */
export async function loneImage(it: At, index: LayoutIndex): Promise<Entry | undefined> {
  if (index.manifests.length === 0 || byTag(index).has('latest')) return undefined;
  const named = new Set([...byTag(index).values()].flat().map(({ digest }) => digest));
  if (index.manifests.every(({ digest }) => named.has(digest))) return undefined;
  const [only, ...others] = (await it.graphOf(it, index)).roots;
  return only && others.length === 0 && !named.has(only.digest) ? only : undefined;
}

export async function contentAt(
  it: At,
  ref: ImageRef,
  as: Parameters<typeof readContent>[2],
): Promise<ManifestContent | undefined> {
  // Also refuses a folder that is no layout.
  if (!(await it.store.index(it))) return undefined;
  if (ref.digest !== undefined) return readContent(it, ref.digest, as);
  const entry = await entryAt(it, ref);
  if (!entry) return undefined;
  const { digest, mediaType: named, size } = entry;
  const content = await readContent(it, digest, { ...as, named, size });
  if (content || it.side === 'target') return content;
  throw fault(
    it,
    'RegistryMisbehaved',
    `index.json names ${digest}, which is not in the folder: copy it again`,
  );
}
