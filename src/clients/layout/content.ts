import { digestAlgorithm, digestOf, MAX_MANIFEST_BYTES, REGISTRY_JOBS } from '../../core/model/index.ts';
import type { Digest, ManifestContent } from '../../core/model/index.ts';
import { blobPath, readWhole } from './disk.ts';
import { fault, unreadable, type Doing } from './fault.ts';
import type { Store } from './store.ts';

/** A folder and what is done with it. */
export type Within = Doing & { readonly store: Store };

/** A manifest of a folder, with its bytes proven; `undefined` where there is none. `named` = the type by which an index names it. */
export async function readContent(
  { store: { disk }, ...doing }: Within,
  digest: Digest,
  {
    named,
    size,
    ...as
  }: Omit<Parameters<typeof REGISTRY_JOBS.manifest>[0], 'bytes' | 'digest' | 'contentType'> & {
    readonly named?: string | undefined;
    readonly size?: number | undefined;
  } = {},
): Promise<ManifestContent | undefined> {
  const path = blobPath(disk, digest);
  const bytes = await readWhole(doing, disk, path, MAX_MANIFEST_BYTES);
  if (!bytes) return undefined;
  if (size !== undefined && size !== bytes.byteLength)
    throw fault(
      doing,
      'RegistryMisbehaved',
      `${path} has ${bytes.byteLength} bytes, and ${size} are declared`,
    );
  const isAsNamed = digestOf(bytes, digestAlgorithm(digest)) === digest;
  // A target gets again what is broken there.
  if (!isAsNamed && doing.side === 'target') return undefined;
  if (!isAsNamed)
    throw fault(doing, 'RegistryMisbehaved', `${path} has other bytes than its name says: copy it again`);
  const read = REGISTRY_JOBS.manifest({ bytes, digest, contentType: named, ...as });
  if (read.ok) return { manifest: read.value, bytes };
  throw unreadable(doing, path, read.problems);
}
