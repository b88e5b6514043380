import { randomUUID } from 'node:crypto';
import { constants, type BigIntStats } from 'node:fs';
import { lstat, mkdir, open, readdir, rename, unlink, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  digestAlgorithm,
  digestHex,
  errorCode,
  type Clock,
  type Descriptor,
} from '../../core/model/index.ts';
import { collectAfter } from '../io/index.ts';

/** What a blob is known by. */
type Blob = Pick<Descriptor, 'digest' | 'size'>;

/** From a byte to before another one. */
interface Part {
  readonly start: number;
  readonly end: number;
}

/** A blob that lies in the folder. Its bytes are what the disk gives: the taker computes the digest. */
interface StoredBlob {
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Notes that they were right: from now on parts of it are handed out. */
  readonly prove: () => void;
  /** Removes it, because they were wrong or could not be read. Never rejects. */
  readonly drop: () => Promise<void>;
}

/** Blobs in a folder, by digest. No file says who may have it. Several processes may share the folder. */
export interface BlobCache {
  /** Whether it lies there, so that `open` is worth trying. Rejects never. */
  readonly has: (blob: Blob, part: Part) => Promise<boolean>;
  /**
   * A blob from `start` to before `end`; `undefined` = it is not there with this size, or a part is asked for of a file that this
   * process has not proven as it is now. Rejects never. Once opened it can be read to its end, whatever is removed meanwhile.
   */
  readonly open: (blob: Blob, part: Part) => Promise<StoredBlob | undefined>;
  /** Hands bytes on and stores them, which are proven before the last of them comes. What cannot be stored is handed on all the same. */
  readonly keep: (blob: Blob, bytes: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>;
}

/** What a cache is made of. */
interface BlobCacheOptions {
  readonly folder: string;
  /** Of all files together. */
  readonly maxBytes: number;
  readonly clock: Clock;
  /** The folder cannot be written, called once until it can be again; or a file cannot be read or removed, called once for each kind. */
  readonly onTrouble: (error: unknown) => void;
}

/** Bytes of one read: twice what a network brings, and little for hundreds of readers. */
const READ_BYTES = 128 * 1024;
/** What is over the limit goes down to this share of it, so that the folder is listed seldom. */
const AFTER_EVICTION = 0.9;
/** Share of the limit that is written before the folder is listed again: other processes write there, too. */
const OTHERS = 0.1;
/** Milliseconds after which an unfinished file without a write is one of a process that has died. */
const ABANDONED_MS = 3_600_000;
/** Milliseconds for which the folder is not written after it could not be: a full disk takes a while to be noticed. */
const REST_MS = 60_000;
/** Milliseconds in which one use of a file is written down. */
const TOUCH_MS = 60_000;
/** Files of which is remembered that they were proven. */
const MAX_PROVEN = 10_000;
/** No link is followed, and a pipe does not block. */
const READ_ONLY = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Opens the folder, and makes it where there is none. Rejects with the system's error. */
export async function openFolder(options: BlobCacheOptions): Promise<BlobCache> {
  const { folder, maxBytes, clock, onTrouble } = options;
  const [unfinished, stored] = [join(folder, 'unfinished'), join(folder, 'blobs')];
  for (const one of [unfinished, stored]) await mkdir(one, { recursive: true, mode: 0o700 });
  const proven = new Map<string, string>();
  /** Wrong ones that could not be removed: they are read from the upstream. */
  const wrong = new Set<string>();
  const reported = new Set<string>();
  const writing = new Map<string, number>();
  const now = (): number => clock().getTime();
  /** Bytes of all files as far as it is known, and those written here since the folder was listed. */
  let [used, written] = [0, 0];
  let restUntil = 0;
  let evicting: Promise<void> | undefined;

  const pathOf = ({ digest }: Blob): string => {
    const hex = digestHex(digest);
    return join(stored, `${digestAlgorithm(digest)}-${hex.slice(0, 2)}`, hex);
  };
  const failed = (error: unknown): void => {
    if (restUntil === 0) onTrouble(error);
    restUntil = now() + REST_MS;
  };
  /** Whether it is gone, as another process has removed it; every other error is reported. */
  const isGone = (error: unknown): boolean => {
    const code = errorCode(error);
    if (code !== 'ENOENT' && !reported.has(code)) onTrouble(error);
    reported.add(code);
    return code === 'ENOENT';
  };
  const unlessGone = (error: unknown): undefined => void isGone(error);
  const remove = (path: string): Promise<boolean> => unlink(path).then(() => true, isGone);
  const note = (digest: string, file: BigIntStats): void => {
    const [oldest] = proven.keys();
    if (proven.size >= MAX_PROVEN && oldest !== undefined) proven.delete(oldest);
    proven.set(digest, stampOf(file));
  };

  /** Removes what was not used for longest, until there is room. What others read stays readable for them. */
  const evict = async (): Promise<void> => {
    const files = (await filesBelow(stored, unlessGone)).toSorted((a, b) => a.usedAt - b.usedAt);
    const underWay = [...writing.values()].reduce((sum, size) => sum + size, 0);
    used = files.reduce((sum, { size }) => sum + size, underWay);
    written = 0;
    const limit = used > maxBytes ? maxBytes * AFTER_EVICTION : maxBytes;
    for (const { path, size } of files) {
      if (used <= limit) break;
      if (await remove(path)) used -= size;
    }
    for (const { path, writtenAt } of await filesBelow(folder, unlessGone, 'unfinished'))
      if (now() - writtenAt > ABANDONED_MS) await remove(path);
  };
  const makeRoom = async (): Promise<void> => {
    if (used <= maxBytes && written <= maxBytes * OTHERS) return;
    evicting ??= evict().finally(() => (evicting = undefined));
    await evicting;
  };

  /** Begins a file that is not there yet; `undefined` where none is begun. */
  const begin = async (blob: Blob): Promise<Unfinished | undefined> => {
    const { digest, size } = blob;
    if (size > maxBytes || writing.has(digest) || now() < restUntil) return undefined;
    writing.set(digest, size);
    used += size;
    written += size;
    const path = join(unfinished, randomUUID());
    const end = async (handle: FileHandle | undefined, isStored: boolean): Promise<void> => {
      writing.delete(digest);
      if (!isStored) used -= size;
      await handle?.close().catch(unlessGone);
      if (!isStored) await remove(path);
    };
    try {
      await makeRoom();
      if (used > maxBytes) return await end(undefined, false).then(() => undefined); // what cannot be removed leaves no room
      const handle = await open(path, 'wx', 0o600);
      const finish = async (): Promise<void> => {
        const to = pathOf(blob);
        await mkdir(dirname(to), { recursive: true, mode: 0o700 });
        if (!(await isFolder(dirname(to)))) throw new Error(`${to} is behind a link`);
        await rename(path, to);
        wrong.delete(digest);
        note(digest, await handle.stat({ bigint: true }));
        restUntil = 0;
      };
      return { handle, finish, end: (isStored) => end(handle, isStored) };
    } catch (error) {
      failed(error);
      await end(undefined, false);
      return undefined;
    }
  };

  async function* keep(blob: Blob, bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    let file = await begin(blob);
    let left = blob.size;
    const end = async (isStored = false): Promise<void> => {
      const ended = file;
      file = undefined;
      await ended?.end(isStored);
    };
    const append = async (piece: Uint8Array): Promise<void> => {
      // All of it, or an error: a full disk takes a part and refuses the next one.
      await file?.handle.writeFile(piece);
      if (left > 0) return;
      await file?.finish();
      await end(true);
    };
    const giveUp = async (error: unknown): Promise<void> => {
      failed(error);
      await end();
    };
    try {
      for await (const piece of bytes) {
        left -= piece.byteLength;
        await append(piece).catch(giveUp);
        yield piece;
      }
    } finally {
      await end();
    }
  }

  /** Whether a file can be the blob; of one that this process has not proven as it is now only the whole is handed out, which the taker proves. */
  const fits = ({ digest, size }: Blob, { start, end }: Part, file: BigIntStats): boolean => {
    const isWhole = start === 0 && end === size;
    return isSized(file, size) && !wrong.has(digest) && (isWhole || proven.get(digest) === stampOf(file));
  };

  const opened = async (blob: Blob, part: Part, handle: FileHandle): Promise<StoredBlob | undefined> => {
    const file = await handle.stat({ bigint: true });
    const drop = async (): Promise<void> => {
      proven.delete(blob.digest);
      await handle.close().catch(unlessGone);
      if (!(await remove(pathOf(blob))) && wrong.size < MAX_PROVEN) wrong.add(blob.digest);
    };
    if (!isSized(file, blob.size)) await drop();
    if (!fits(blob, part, file)) return undefined;
    const isProven = proven.get(blob.digest) === stampOf(file);
    let stamped = file;
    if (now() - Number(file.atimeMs) > TOUCH_MS) {
      await handle.utimes(now() / 1_000, Number(file.mtimeMs) / 1_000).catch(unlessGone);
      stamped = await handle.stat({ bigint: true });
      if (isProven) note(blob.digest, stamped);
    }
    return { bytes: read(handle, part), prove: () => note(blob.digest, stamped), drop };
  };

  await evict().catch(failed);
  return {
    keep,
    has: async (blob, part) => {
      const path = pathOf(blob);
      const file = await lstat(path, { bigint: true }).catch(unlessGone);
      return file !== undefined && fits(blob, part, file) && isFolder(dirname(path));
    },
    open: async (blob, part) => {
      const handle = await open(pathOf(blob), READ_ONLY).catch(unlessGone);
      const found = handle && (await opened(blob, part, handle).catch(unlessGone));
      if (!found) await handle?.close().catch(unlessGone);
      return found;
    },
  };
}

/** A file that grows. */
interface Unfinished {
  readonly handle: FileHandle;
  /** Puts it where it is found. */
  readonly finish: () => Promise<void>;
  readonly end: (isStored: boolean) => Promise<void>;
}

function isSized(file: BigIntStats, size: number): boolean {
  return file.isFile() && file.size === BigInt(size);
}

/** What changes with the content of a file, also by another process. */
function stampOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
}

async function* read(handle: FileHandle, { start, end }: Part): AsyncGenerator<Uint8Array> {
  try {
    for (let at = start; at < end;) {
      const buffer = Buffer.allocUnsafeSlow(Math.min(READ_BYTES, end - at));
      const { bytesRead } = await handle.read(buffer, 0, buffer.byteLength, at);
      if (bytesRead === 0) return;
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
      collectAfter(bytesRead);
    }
  } finally {
    await handle.close();
  }
}

interface File {
  readonly path: string;
  readonly size: number;
  readonly usedAt: number;
  readonly writtenAt: number;
}

/** Whether it is a folder, and no link to one. */
async function isFolder(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined))?.isDirectory() === true;
}

/** The files in the folders of a folder, or in the one of that name; no link is followed. What cannot be read is left out. */
async function filesBelow(
  folder: string,
  onError: (error: unknown) => undefined,
  only?: string,
): Promise<readonly File[]> {
  const files: File[] = [];
  for (const name of only === undefined ? await readdir(folder) : [only]) {
    const isReal = await isFolder(join(folder, name));
    const names = isReal ? await readdir(join(folder, name)).catch(onError) : [];
    for (const file of names ?? []) {
      const path = join(folder, name, file);
      const found = await lstat(path).catch(onError);
      if (found?.isFile())
        files.push({ path, size: found.size, usedAt: found.atimeMs, writtenAt: found.mtimeMs });
    }
  }
  return files;
}
