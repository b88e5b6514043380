import type { Descriptor, Digest, Manifest } from '../../core/model/index.ts';
import { readContent, type Within } from './content.ts';
import { blobPath, statusOf } from './disk.ts';

/** Deepest nesting of indexes that is followed. */
const MAX_DEPTH = 8;

/** What a manifest lists and its folder does not have with the size that is declared; `undefined` where it has all. */
export async function lacking(it: Within, manifest: Manifest, depth = 0): Promise<Digest | undefined> {
  const { config, layers, manifests } = manifest;
  const blobs = [...(config ? [config] : []), ...layers].filter(({ isElsewhere }) => !isElsewhere);
  for (const part of [...blobs, ...manifests]) if (!(await isThere(it, part))) return part.digest;
  for (const child of depth < MAX_DEPTH ? manifests : []) {
    const content = await readContent(it, child.digest);
    const lacks = content ? await lacking(it, content.manifest, depth + 1) : child.digest;
    if (lacks !== undefined) return lacks;
  }
  return undefined;
}

async function isThere(it: Within, { digest, size }: Descriptor): Promise<boolean> {
  const found = await statusOf(it, blobPath(it.store.disk, digest));
  return found?.isFile() === true && found.size === size;
}
