import { createHash, timingSafeEqual } from 'node:crypto';
import type { SignedEntity } from '@sigstore/verify';
import type { Covered, SignedMaterial } from './material.ts';

/** Hashes by their length in bytes: log entries of P-384 and P-521 keys hold those of the curve's size. */
const BY_LENGTH: Readonly<Record<number, string>> = { 32: 'sha256', 48: 'sha384', 64: 'sha512' };

/**
 * A signature as the library compares it with log entries. Whether the key made it was found out before anything of
 * this is asked, with the hashes the library does not try; so it is not computed a second time.
 */
export function provenContent({ signature, covered, payload }: SignedMaterial): SignedEntity['signature'] {
  return {
    signature,
    compareSignature: (other) => isEqual(other, signature),
    compareDigest: (hash) => isHashOf(hash, payload),
    compareSignedDigest: (hash) => isHashOf(hash, covered),
    verifySignature: () => true,
  };
}

function isHashOf(hash: Uint8Array, covered: Covered): boolean {
  if ('sha256' in covered) return isEqual(hash, covered.sha256);
  const algorithm = BY_LENGTH[hash.length];
  return algorithm !== undefined && isEqual(hash, createHash(algorithm).update(covered.bytes).digest());
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
