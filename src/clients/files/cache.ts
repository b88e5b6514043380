import { errorCode, errorFields, parsed, problem } from '../../core/model/index.ts';
import type { Clock, Descriptor, Log, Parsed } from '../../core/model/index.ts';

/** What a blob is known by. */
export type Blob = Pick<Descriptor, 'digest' | 'size'>;

/** From a byte to before another one. */
export interface Part {
  readonly start: number;
  readonly end: number;
}

/** A blob that lies in the folder. Its bytes are what the disk gives: the taker computes the digest. */
export interface StoredBlob {
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
export interface BlobCacheOptions {
  readonly folder: string;
  /** Of all files together. */
  readonly maxBytes: number;
  readonly clock: Clock;
  /** The folder cannot be written; called once until it can be again. */
  readonly onTrouble: (error: unknown) => void;
}

/** Opens the folder, and makes it where there is none; `undefined` = none is named. A problem says why it cannot be used. */
export async function openBlobCache(
  settings: { readonly folder: string; readonly maxBytes: number } | undefined,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): Promise<Parsed<BlobCache | undefined>> {
  if (!settings) return parsed(undefined);
  const onTrouble = (error: unknown): void => {
    log.warn(errorFields(error), 'the cache of blobs cannot be written, the gate goes on without it');
  };
  try {
    const { openFolder } = await import('./blob-cache.ts');
    return parsed(await openFolder({ ...settings, clock, onTrouble }));
  } catch (error) {
    return problem('gate.cache.folder', `cannot be used: ${errorCode(error) || 'unknown error'}`);
  }
}
