import { createHash } from 'node:crypto';
import { digestAlgorithm, digestHex, type Descriptor, type Fault } from '../../../core/model/index.ts';
import type { BlobTransfer } from '../../../core/promotion/index.ts';
import type { Call } from '../call.ts';
import { fault, misbehaved, mayPass } from '../fault.ts';
import { pause } from '../pause.ts';

export interface FeedOptions extends Pick<BlobTransfer, 'blob' | 'source' | 'from' | 'onBytes'> {
  /** Most bytes of a blob that is read whole and proven before any of it is handed out. */
  readonly provenBytes: number;
}

/** The bytes of one blob on their way: checked as they pass, fetched again from where a broken source left off. */
export interface Feed {
  /** Asks the source for the beginning, so that it is there when it is wanted. */
  readonly open: () => Promise<void>;
  /**
   * The bytes from `start` to before `end`, one read at a time; a new one ends an earlier. No byte that completes the blob is
   * handed out before size and digest are proven. Throws a Fault of the source.
   */
  readonly read: (start: number, end: number) => AsyncIterable<Uint8Array>;
  /** What is wrong with the source, once it is: then no retry can help. */
  readonly failure: () => unknown;
  /** Releases the source. */
  readonly close: () => void;
}

/** Most times one blob is asked for again after its source broke off: a long blob over a poor line needs a few. */
const MAX_RESUMES = 8;

interface Stretch {
  readonly pieces: AsyncIterator<Uint8Array>;
  readonly leave: AbortController;
}

/** The pause before the first of them, in milliseconds; each further one is twice as long. */
const FIRST_RESUME_MS = 50;

const NOTHING: Uint8Array = new Uint8Array();

/** Makes the feed of a blob; `call` gives the signal and the words of Faults. */
export function createFeed(call: Call, options: FeedOptions): Feed {
  const { blob, source, from, onBytes } = options;
  const { size } = blob;
  /** The failure of bytes that are not the blob's. */
  const wrong = (detail: string): Fault =>
    source.refute?.(from, blob)
      ? fault(call, 'RegistryMisbehaved', `${detail}, at a mirror`, { transient: true })
      : misbehaved(call, detail);
  const check = createCheck(wrong, blob);
  let stretch: Stretch | undefined;
  let position = 0; // of the next byte to hand out
  let rest = NOTHING; // already taken from the source, and behind the end of the last read
  let reader = 0; // the read that may still move on
  let reading = false;
  let resumes = 0;
  let failure: unknown;

  const close = (): void => {
    stretch?.leave.abort();
    stretch = undefined;
    rest = NOTHING;
  };

  const openAt = async (offset: number): Promise<Stretch> => {
    close();
    const leave = new AbortController();
    const opened = await source.openBlob(from, blob, offset, AbortSignal.any([call.signal, leave.signal]));
    if (opened === undefined) throw misbehaved(call, 'it does not have a blob that its manifest lists');
    position = offset;
    stretch = { leave, pieces: opened[Symbol.asyncIterator]() };
    return stretch;
  };

  /** The next piece; after a break that may pass, from a new stretch. */
  const pull = async (mine: number): Promise<Uint8Array | undefined> => {
    if (rest.byteLength > 0) {
      const piece = rest;
      rest = NOTHING;
      return piece;
    }
    for (;;) {
      if (mine !== reader) return undefined; // a later read has taken over
      try {
        const { pieces } = stretch ?? (await openAt(position));
        const next = await pieces.next();
        return next.done === true ? undefined : next.value;
      } catch (error) {
        if (mine !== reader || resumes === MAX_RESUMES || !mayPass(call, error)) throw error;
        close();
        await pause(call, FIRST_RESUME_MS * 2 ** resumes);
        resumes += 1;
      }
    }
  };

  const take = async (mine: number, end: number): Promise<Uint8Array | undefined> => {
    const piece = await pull(mine);
    if (mine !== reader) return undefined;
    if (piece === undefined) throw wrong('the blob is shorter than its descriptor says');
    const given = piece.subarray(0, end - position);
    rest = piece.subarray(given.byteLength);
    check(position, given);
    position += given.byteLength;
    if (position === size && (await pull(mine)) !== undefined)
      throw wrong('the blob is longer than its descriptor says');
    return given;
  };

  /** The bytes as they come. */
  async function* stream(start: number, end: number): AsyncGenerator<Uint8Array> {
    reader += 1;
    const mine = reader;
    try {
      if (size === 0) check(0, NOTHING);
      else if (reading || stretch === undefined || position !== start) await openAt(start);
      reading = true;
      while (position < end) {
        const piece = await take(mine, end);
        if (piece === undefined) return;
        yield piece;
      }
      reading = false;
    } catch (error) {
      if (mine === reader) failure = error;
      throw error;
    }
  }

  const isProvenFirst = size <= options.provenBytes;
  let whole: Promise<Uint8Array> | undefined;
  const prove = async (): Promise<Uint8Array> => {
    const all = Buffer.allocUnsafe(size);
    let at = 0;
    for await (const piece of stream(0, size)) {
      all.set(piece, at);
      at += piece.byteLength;
    }
    return all;
  };

  /** Of a small blob nothing is handed out before its last byte has proven it. */
  async function* read(start: number, end: number): AsyncGenerator<Uint8Array> {
    const pieces = isProvenFirst ? [(await (whole ??= prove())).subarray(start, end)] : stream(start, end);
    for await (const piece of pieces) {
      onBytes?.(piece.byteLength);
      if (piece.byteLength > 0) yield piece;
    }
  }

  return {
    open: async () => {
      await (isProvenFirst ? (whole ??= prove()) : openAt(0));
    },
    read,
    failure: () => failure,
    close,
  };
}

/** Hashes what passes, each byte once, and throws when the last one has made something else than the digest names. */
function createCheck(
  wrong: (detail: string) => Fault,
  { digest, size }: Descriptor,
): (at: number, piece: Uint8Array) => void {
  const hash = createHash(digestAlgorithm(digest));
  let hashed = 0;
  return (at, piece) => {
    const fresh = piece.subarray(Math.max(0, hashed - at));
    if (fresh.byteLength === 0 && size > 0) return;
    hash.update(fresh);
    hashed += fresh.byteLength;
    if (hashed === size && hash.digest('hex') !== digestHex(digest))
      throw wrong('the bytes are not those that the digest names');
  };
}
