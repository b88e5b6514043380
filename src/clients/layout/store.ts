import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode, objectOf, parseShort, textOf, type Digest } from '../../core/model/index.ts';
import {
  blobPath,
  isProven,
  putFile,
  readWhole,
  removeAbandoned,
  statusOf,
  syncFolder,
  type Disk,
} from './disk.ts';
import { MAX_ENTRIES, parseIndex, type LayoutIndex } from './index-file.ts';
import { fault, faultOfSystem, unreadable, type Doing } from './fault.ts';
import { locked } from './lock.ts';

/** Largest `index.json`: its entries have some 400 bytes each. */
const MAX_INDEX_BYTES = 16 * 1024 * 1024;
/** Largest `oci-layout`: it holds a version. */
const MAX_MARK_BYTES = 4 * 1024;
const MARK = 'oci-layout';
/** What is in a folder of ours before it is a layout: the beginning of its first file. */
const OWN_FILES = '.pratique-';
const EMPTY: LayoutIndex = { schemaVersion: 2, manifests: [] };

/** A change of `index.json`; what it needs of the folder is written before. */
export type Change = (index: LayoutIndex) => Promise<LayoutIndex>;

/** One folder in the OCI image layout. */
export interface Store {
  readonly disk: Disk;
  /** Its index as it is now; `undefined` where there is no folder, or an empty one. The same value while nothing has changed. */
  readonly index: (doing: Doing) => Promise<LayoutIndex | undefined>;
  /** Makes the folder a layout, if it is none yet. */
  readonly begin: (doing: Doing) => Promise<void>;
  /** Changes the index, whatever others write at the same time. Blobs have to be there before. */
  readonly change: (doing: Doing, change: Change) => Promise<void>;
  /** Whether a blob is there with the bytes that its name says; read once. */
  readonly has: (doing: Doing, digest: Digest, size?: number) => Promise<boolean>;
  /** A blob was written here, with its bytes proven. */
  readonly wrote: (digest: Digest) => void;
  readonly forget: (digest: Digest) => void;
}

export function createStore(disk: Disk, now: () => Date): Store {
  const path = join(disk.root, 'index.json');
  const proven = new Set<Digest>();
  let known: { readonly stamp: string; readonly index: LayoutIndex } | undefined;
  let begun: Promise<void> | undefined;
  let last: Promise<unknown> = Promise.resolve();

  const stampOf = async (doing: Doing): Promise<string | undefined> => {
    const found = await statusOf(doing, path);
    return found && `${found.ino} ${found.size} ${found.mtimeMs} ${found.ctimeMs}`;
  };
  const read = async (doing: Doing): Promise<LayoutIndex> => {
    const stamp = await stampOf(doing);
    if (stamp !== undefined && known?.stamp === stamp) return known.index;
    const bytes = await readWhole(doing, disk, path, MAX_INDEX_BYTES);
    // A target may be at its very beginning, by us or by another process.
    if (!bytes && doing.side === 'target') return EMPTY;
    if (!bytes)
      throw fault(doing, 'RegistryMisbehaved', `${path} is missing, without which nothing is named`);
    const index = parseIndex(bytes);
    if (!index.ok) throw unreadable(doing, path, index.problems);
    // Unless it was replaced meanwhile: then the next caller reads it again.
    if (stamp !== undefined && (await stampOf(doing)) === stamp) known = { stamp, index: index.value };
    return index.value;
  };
  const write = async (doing: Doing, index: LayoutIndex): Promise<void> => {
    if (index.manifests.length > MAX_ENTRIES)
      throw fault(doing, 'LimitExceeded', `${path} would have more than ${MAX_ENTRIES} entries`);
    await syncFolder(disk, join(disk.root, 'blobs', 'sha256'));
    await putFile(doing, disk, path, (file) => file.writeFile(JSON.stringify(index)));
    await syncFolder(disk, disk.root);
  };
  let isKnown = false;
  const isThere = async (doing: Doing): Promise<boolean> => {
    isKnown ||= await isLayout(doing, disk);
    return isKnown;
  };
  const make = async (doing: Doing): Promise<void> => {
    if (!(await isThere(doing))) {
      const mark = JSON.stringify({ imageLayoutVersion: '1.0.0' });
      await putFile(doing, disk, join(disk.root, MARK), (file) => file.writeFile(mark));
    }
    await removeAbandoned(doing, disk, now());
    if ((await stampOf(doing)) === undefined) await write(doing, EMPTY);
  };

  return {
    disk,
    index: async (doing) => ((await isThere(doing)) ? read(doing) : undefined),
    begin: (doing) => {
      begun ??= make(doing).catch((error: unknown) => {
        begun = undefined;
        throw error;
      });
      return begun;
    },
    change: async (doing, change) => {
      const mine = last.then(() =>
        locked(doing, disk, async () => {
          await write(doing, await change(await read(doing)));
        }),
      );
      last = mine.catch(() => undefined);
      await mine;
    },
    has: async (doing, digest, size) => {
      const found = await statusOf(doing, blobPath(disk, digest));
      if (!found || (size !== undefined && found.isFile() && found.size !== size)) return false;
      if (!proven.has(digest) && !(await isProven(doing, disk, digest))) return false;
      proven.add(digest);
      return true;
    },
    wrote: (digest) => void proven.add(digest),
    forget: (digest) => void proven.delete(digest),
  };
}

/** Whether a folder is a layout; `false` where it is missing or empty. Anything else is a Fault: nothing of ours goes among files of a user. */
async function isLayout(doing: Doing, disk: Disk): Promise<boolean> {
  const { root } = disk;
  const names = await readdir(root).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return [];
    if (errorCode(error) === 'ENOTDIR')
      throw fault(doing, 'RegistryMisbehaved', `${root} is no folder; unpack an archive into one first`);
    throw faultOfSystem(doing, root, error);
  });
  if (names.every((name) => name.startsWith(OWN_FILES))) return false;
  const marked = await readWhole(doing, disk, join(root, MARK), MAX_MARK_BYTES);
  if (!marked)
    throw fault(
      doing,
      'RegistryMisbehaved',
      `${root} is not empty and is no OCI image layout: it has no file ${MARK}; name a layout or a new folder`,
    );
  if (textOf(objectOf(parseShort(marked)).imageLayoutVersion).startsWith('1.')) return true;
  throw fault(doing, 'RegistryMisbehaved', `${root}/${MARK} does not name version 1.0.0 of the layout`);
}
