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
  const isProvenFirst = size <= options.provenBytes;
  let whole: Promise<readonly Uint8Array[]> | undefined;

  const leave = (): void => {
    stretch?.leave.abort();
    stretch = undefined;
    rest = NOTHING;
  };

  const close = (): void => {
    leave();
    whole = undefined;
  };

  const openAt = async (offset: number): Promise<Stretch> => {
    leave();
    const left = new AbortController();
    const opened = await source.openBlob(from, blob, offset, AbortSignal.any([call.signal, left.signal]));
    if (opened === undefined) throw misbehaved(call, 'it does not have a blob that its manifest lists');
    position = offset;
    stretch = { leave: left, pieces: opened[Symbol.asyncIterator]() };
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
        leave();
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

  /** The pieces as they came: put together they would be new memory once more, and cleared before. */
  const prove = async (): Promise<readonly Uint8Array[]> => {
    const kept = createPieces();
    for await (const piece of stream(0, size)) kept.add(piece);
    return kept.all();
  };

  /** Of a small blob nothing is handed out before its last byte has proven it. */
  async function* read(start: number, end: number): AsyncGenerator<Uint8Array> {
    const pieces = isProvenFirst ? within(await (whole ??= prove()), start, end) : stream(start, end);
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

/** Shorter pieces than this many bytes are put together: a source may send a blob byte by byte, and each piece takes its own memory. */
const SHORT_PIECE = 16 * 1024;

/** Keeps pieces of a blob in their order. */
function createPieces(): {
  readonly add: (piece: Uint8Array) => void;
  readonly all: () => readonly Uint8Array[];
} {
  const pieces: Uint8Array[] = [];
  let short = NOTHING;
  let used = 0;
  const flush = (): void => {
    if (used > 0) pieces.push(new Uint8Array(short.subarray(0, used)));
    used = 0;
  };
  return {
    add: (piece) => {
      if (used + piece.byteLength > SHORT_PIECE) flush();
      if (piece.byteLength >= SHORT_PIECE) {
        const isMostOfIt = 2 * piece.byteLength >= piece.buffer.byteLength; // else it keeps much besides in memory
        pieces.push(isMostOfIt ? piece : new Uint8Array(piece));
        return;
      }
      if (short.byteLength === 0) short = new Uint8Array(SHORT_PIECE);
      short.set(piece, used);
      used += piece.byteLength;
    },
    all: () => {
      flush();
      return pieces;
    },
  };
}

/** What lies from `start` to before `end` of the bytes that these are pieces of. */
function* within(pieces: readonly Uint8Array[], start: number, end: number): Generator<Uint8Array> {
  let at = 0;
  for (const piece of pieces) {
    yield piece.subarray(Math.max(0, start - at), Math.max(0, end - at));
    at += piece.byteLength;
  }
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
