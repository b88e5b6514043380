import { createHash, randomUUID } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { lstat, mkdir, type open, readdir, rename, unlink, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { digestAlgorithm, digestHex, errorCode, type Digest } from '../../core/model/index.ts';
import { readAtMost } from '../io/index.ts';
import { checkTime, fault, faultOfSystem, type Doing } from './fault.ts';

/** The file system; tests put one that fails in its place. */
export type OpenFile = typeof open;

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK } = constants;
/** No link is followed, and a pipe without a writer is not waited for. */
const READ = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;
const CREATE = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
/** Bytes of one read of a file. */
const CHUNK_BYTES = 256 * 1024;
/** Files on their way into place. */
const TEMPORARY = /^\.pratique-.*\.tmp$/;
/** Age after which such a file belongs to no one: what is being written changes every moment. */
const ABANDONED_MS = 24 * 60 * 60 * 1000;

/** Does something with a file; `undefined` where there is none. */
async function unlessGone<T>(doing: Doing, path: string, act: () => Promise<T>): Promise<T | undefined> {
  checkTime(doing);
  try {
    return await act();
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw faultOfSystem(doing, path, error);
  }
}

/** What is at a path, links not followed; `undefined` where nothing is. */
export function statusOf(doing: Doing, path: string): Promise<Stats | undefined> {
  return unlessGone(doing, path, () => lstat(path));
}

/** The disk below one folder: nothing outside of it is read or written, and no link in it is followed. */
export interface Disk {
  readonly root: string;
  readonly open: OpenFile;
  /** Longest wait for another process that changes the index; absent = 30 seconds. */
  readonly lockWaitMs?: number | undefined;
}

export function blobPath({ root }: Disk, digest: Digest): string {
  return join(root, 'blobs', digestAlgorithm(digest), digestHex(digest));
}

/** Refuses links and files in the place of the folders between the root and a file. */
async function checkWay(doing: Doing, { root }: Disk, path: string): Promise<void> {
  for (let folder = dirname(path); folder !== root && folder.startsWith(root); folder = dirname(folder)) {
    const found = await statusOf(doing, folder);
    if (found && !found.isDirectory())
      throw fault(doing, 'UntrustedEndpoint', `${folder} is no folder of its own, and no link is followed`);
  }
}

/** A regular file, opened to be read; `undefined` where there is none. Anything else under the name is a Fault. */
async function openRegular(doing: Doing, disk: Disk, path: string) {
  await checkWay(doing, disk, path);
  const handle = await unlessGone(doing, path, () => disk.open(path, READ));
  if (!handle) return undefined;
  try {
    const status = await handle.stat();
    if (!status.isFile()) throw fault(doing, 'RegistryMisbehaved', `${path} is no regular file`);
    return { handle, size: status.size };
  } catch (error) {
    await handle.close();
    throw faultOfSystem(doing, path, error);
  }
}

/** A small file, whole; `undefined` where there is none. */
export async function readWhole(
  doing: Doing,
  disk: Disk,
  path: string,
  maxBytes: number,
): Promise<Buffer | undefined> {
  const file = await openRegular(doing, disk, path);
  if (!file) return undefined;
  const { handle, size } = file;
  try {
    const tooLarge = fault(doing, 'LimitExceeded', `${path} has more than ${maxBytes} bytes`);
    if (size > maxBytes) throw tooLarge;
    const bytes = await readAtMost(handle.createReadStream({ autoClose: false }), maxBytes);
    if (!bytes) throw tooLarge;
    return bytes;
  } catch (error) {
    throw faultOfSystem(doing, path, error);
  } finally {
    await handle.close();
  }
}

/** The bytes of a blob from an offset on, as they come; `undefined` where there is none. Its size has to be the one declared. */
export async function openStream(
  doing: Doing,
  disk: Disk,
  { digest, size }: { readonly digest: Digest; readonly size: number },
  offset: number,
): Promise<AsyncIterable<Uint8Array> | undefined> {
  const path = blobPath(disk, digest);
  const file = await openRegular(doing, disk, path);
  if (!file) return undefined;
  if (file.size !== size || offset >= size) {
    await file.handle.close();
    if (file.size === size) return nothing();
    throw fault(doing, 'RegistryMisbehaved', `${path} has ${file.size} bytes, and ${size} are declared`);
  }
  const { signal } = doing;
  // Closed by its end, by an error, and by the signal, which fires when a caller breaks off.
  const stream = file.handle.createReadStream({
    ...{ start: offset, end: size - 1, highWaterMark: CHUNK_BYTES, signal },
  });
  return explained(doing, path, stream);
}

async function* nothing(): AsyncGenerator<Uint8Array> {
  // A blob of no bytes.
}

async function* explained(
  doing: Doing,
  path: string,
  stream: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    yield* stream;
  } catch (error) {
    throw faultOfSystem(doing, path, error);
  }
}

/** Whether a blob is there and its bytes are those that its name says. */
export async function isProven(doing: Doing, disk: Disk, digest: Digest): Promise<boolean> {
  const path = blobPath(disk, digest);
  const file = await openRegular(doing, disk, path);
  if (!file) return false;
  const hash = createHash(digestAlgorithm(digest));
  const { signal } = doing;
  const stream = file.handle.createReadStream({ highWaterMark: CHUNK_BYTES, signal });
  for await (const piece of explained(doing, path, stream)) hash.update(piece);
  return hash.digest('hex') === digestHex(digest);
}

/** Puts a file in place whole or not at all: written beside, brought to the disk, then renamed. */
export async function putFile(
  doing: Doing,
  disk: Disk,
  path: string,
  write: (file: FileHandle) => Promise<void>,
): Promise<void> {
  const temporary = join(disk.root, `.pratique-${randomUUID()}.tmp`);
  checkTime(doing);
  try {
    await checkWay(doing, disk, path);
    await mkdir(dirname(path), { recursive: true });
    const handle = await disk.open(temporary, CREATE, 0o644);
    try {
      await write(handle);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw faultOfSystem(doing, path, error);
  }
}

/** Brings the names of a folder to the disk, so that no name outlives a power cut whose file did not. */
export async function syncFolder(disk: Disk, folder: string): Promise<void> {
  // Some file systems have no such thing for folders; the files themselves are on the disk.
  const handle = await disk.open(folder, READ).catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}

/** Takes away what a process left that was killed while it wrote. */
export async function removeAbandoned(doing: Doing, { root }: Disk, now: Date): Promise<void> {
  const names = (await unlessGone(doing, root, () => readdir(root))) ?? [];
  for (const name of names.filter((one) => TEMPORARY.test(one))) {
    const path = join(root, name);
    const found = await statusOf(doing, path);
    if (found?.isFile() && now.getTime() - found.mtimeMs > ABANDONED_MS)
      await unlessGone(doing, path, () => unlink(path));
  }
}
