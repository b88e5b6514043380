import { createHash } from 'node:crypto';
import { digestAlgorithm, digestHex, type Descriptor } from '../core/model/index.ts';
import type { Part } from './ports.ts';

/**
 * Reads a `Range` header (RFC 9110, section 14.2). Several ranges at once, other units and what cannot be read are ignored, as the
 * RFC allows: then the answer is the whole. `undefined` = no byte of it exists.
 */
export function partOf(range: string | undefined, size: number): Part | undefined {
  const whole = { start: 0, end: size };
  const match = /^bytes=(?:(\d{1,15})-(\d{0,15})|-(\d{1,15}))$/.exec(range ?? '');
  if (!match) return whole;
  const [, from, to = '', last] = match;
  const start = from === undefined ? Math.max(0, size - Number(last)) : Number(from);
  const end = to === '' ? size : Math.min(Number(to) + 1, size);
  if (to !== '' && Number(to) < start) return whole;
  return start < size ? { start, end } : undefined;
}

/**
 * The bytes of a part, as they come. Of a blob that is read from its first byte to its last, the digest is computed on the way, and
 * the last piece follows only when it is right; too few or too many bytes, or another digest, throw. `onWrong` is
 * called for another digest.
 */
export async function* provenBytes(
  source: AsyncIterable<Uint8Array>,
  { digest, size }: Pick<Descriptor, 'digest' | 'size'>,
  { start, end }: Part,
  onWrong?: () => void,
): AsyncGenerator<Uint8Array> {
  if (start > 0 || end < size) {
    yield* cut(source, end - start);
    return;
  }
  const hash = createHash(digestAlgorithm(digest));
  let left = size;
  let last: Uint8Array = new Uint8Array();
  for await (const piece of source) {
    left -= piece.byteLength;
    if (left < 0) throw new Error('a blob is longer than its descriptor says');
    hash.update(piece);
    // Nothing else is kept, so that a client that does not read holds as little as there is.
    if (left > 0) yield piece;
    else if (piece.byteLength > 0) last = piece;
  }
  if (left > 0) throw tooShort();
  if (hash.digest('hex') !== digestHex(digest)) {
    onWrong?.();
    throw new Error(`a blob has another digest than ${digest}`);
  }
  yield last;
}

/** The first bytes, so many. */
async function* cut(source: AsyncIterable<Uint8Array>, length: number): AsyncGenerator<Uint8Array> {
  let left = length;
  for await (const piece of source) {
    yield piece.byteLength > left ? piece.subarray(0, left) : piece;
    left -= Math.min(left, piece.byteLength);
    if (left === 0) return;
  }
  throw tooShort();
}

function tooShort(): Error {
  return new Error('a blob is shorter than its descriptor says');
}

/** Begins something that goes on for long, but not later than the signal fires. */
export async function inTime<T>(deadline: AbortSignal, begin: (late: AbortSignal) => Promise<T>): Promise<T> {
  const late = new AbortController();
  const onLate = () => {
    late.abort();
  };
  deadline.addEventListener('abort', onLate, { once: true });
  try {
    return await begin(late.signal);
  } finally {
    deadline.removeEventListener('abort', onLate);
  }
}
