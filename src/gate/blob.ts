import { createHash } from 'node:crypto';
import { digestAlgorithm, digestHex, type Descriptor } from '../core/model/index.ts';

/** The part of a blob that a client asked for, in bytes; `end` is the first one that it does not want. */
export interface Part {
  readonly start: number;
  readonly end: number;
}

/**
 * Reads a `Range` header (RFC 9110, section 14.2). Several ranges at once, other units and what cannot be read are ignored, as the
 * RFC allows: then the answer is the whole. `undefined` = no byte of it exists.
 */
export function partOf(range: string | undefined, size: number): Part | undefined {
  const whole = { start: 0, end: size };
  const [, from = '', to = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(range ?? '') ?? [];
  if (from === '' && to === '') return whole;
  if (from === '') return Number(to) === 0 ? undefined : { start: Math.max(0, size - Number(to)), end: size };
  const [start, end] = [Number(from), to === '' ? size : Math.min(Number(to) + 1, size)];
  if (to !== '' && Number(to) < start) return whole;
  return start < size ? { start, end } : undefined;
}

/**
 * The bytes of a part, as they come. Of a blob that is read from its first byte to its last, the digest is computed on the way, and
 * the last piece follows only when it is right; too few or too many bytes, or another digest, throw.
 */
export async function* provenBytes(
  source: AsyncIterable<Uint8Array>,
  { digest, size }: Pick<Descriptor, 'digest' | 'size'>,
  { start, end }: Part,
): AsyncGenerator<Uint8Array> {
  const hash = start === 0 && end === size ? createHash(digestAlgorithm(digest)) : undefined;
  let left = end - start;
  let kept: Uint8Array | undefined;
  for await (const piece of source) {
    if (kept) yield kept;
    kept = piece.byteLength > left && !hash ? piece.subarray(0, left) : piece;
    hash?.update(kept);
    left -= kept.byteLength;
    if (left < 0) throw new Error(`a blob is longer than its descriptor says: ${digest}`);
    if (left === 0 && !hash) break;
  }
  if (left > 0) throw new Error(`a blob is shorter than its descriptor says: ${digest}`);
  if (hash && hash.digest('hex') !== digestHex(digest))
    throw new Error(`a blob has another digest: ${digest}`);
  if (kept) yield kept;
}
