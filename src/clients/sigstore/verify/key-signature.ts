import { verify, type KeyObject } from 'node:crypto';
import type { KeyKind } from '../../../core/model/index.ts';
import { verifyDigest } from './digest-signature.ts';
import type { SignedMaterial } from './material.ts';

/** Shortest RSA modulus in bits; shorter ones are within reach of factoring (NIST SP 800-131A). */
const MIN_RSA_BITS = 2048;

/**
 * Hashes tried per kind of key, the one cosign picks today first: since mid-2026 it signs with the hash of the curve's
 * size, before that always with SHA-256. Ed25519 hashes by itself.
 */
const HASHES: Readonly<Record<KeyKind, readonly [string | null, ...string[]]>> = {
  'ecdsa-p256': ['sha256'],
  'ecdsa-p384': ['sha384', 'sha256'],
  'ecdsa-p521': ['sha512', 'sha256'],
  rsa: ['sha256'],
  ed25519: [null],
};

const CURVES: Readonly<Record<string, KeyKind>> = {
  prime256v1: 'ecdsa-p256',
  secp384r1: 'ecdsa-p384',
  secp521r1: 'ecdsa-p521',
};

/** How a key signs; `undefined` for keys that no signature is accepted from. */
export function kindOfKey(key: KeyObject): KeyKind | undefined {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details = {} } = key;
  if (type === 'ed25519') return type;
  if (type === 'rsa') return (details.modulusLength ?? 0) >= MIN_RSA_BITS ? type : undefined;
  return type === 'ec' ? CURVES[details.namedCurve ?? ''] : undefined;
}

/** The hash to sign with, the one cosign picks today; `null` for Ed25519, which hashes by itself. */
export function signingHash(kind: KeyKind): string | null {
  return HASHES[kind][0];
}

/** Whether this key made the signature. Certificates, logs and timestamps play no part. */
export function isSignedBy({ covered, signature }: SignedMaterial, key: KeyObject): boolean {
  const kind = kindOfKey(key);
  if (kind === undefined) return false;
  if ('sha256' in covered) return verifyDigest(covered.sha256, key, signature);
  return HASHES[kind].some((hash) => verify(hash, covered.bytes, key, signature));
}
