import { createPublicKey, timingSafeEqual, verify } from 'node:crypto';
import { Verifier, type SignedEntity, type TrustMaterial } from '@sigstore/verify';
import type { KeyKind, PublicKey } from '../../core/model/index.ts';

/** Bytes and the signature over them, whatever envelope they came in. */
export interface SignedData {
  readonly data: Uint8Array;
  readonly signature: Uint8Array;
}

/**
 * Hashes tried per kind of key, the one cosign picks today first: since mid-2026 it signs with the hash of the curve's
 * size, before that always with SHA-256. Ed25519 hashes by itself.
 */
const HASHES: Readonly<Record<KeyKind, readonly (string | null)[]>> = {
  'ecdsa-p256': ['sha256'],
  'ecdsa-p384': ['sha384', 'sha256'],
  'ecdsa-p521': ['sha512', 'sha256'],
  rsa: ['sha256'],
  ed25519: [null],
};

/** The key among `keys` that made the signature, or `undefined`. Certificates, logs and timestamps play no part. */
export function signerOf(signed: SignedData, keys: readonly PublicKey[]): PublicKey | undefined {
  return keys.find((key) => isSignedBy(signed, key));
}

function isSignedBy(signed: SignedData, key: PublicKey): boolean {
  try {
    // Empty authorities: with any certificate authority in the trust material the library would accept a
    // certificate-made signature where a key is demanded.
    const trust: TrustMaterial = {
      certificateAuthorities: [],
      timestampAuthorities: [],
      tlogs: [],
      ctlogs: [],
      publicKey: () => ({ publicKey: createPublicKey(key.pem), validFor: () => true }),
    };
    new Verifier(trust, { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0 }).verify(
      entity(signed, key.kind),
    );
    return true;
  } catch {
    return false; // the library answers "no" by throwing, and not only its own errors; each of them means "not proven"
  }
}

function entity({ data, signature }: SignedData, kind: KeyKind): SignedEntity {
  const bytes = Buffer.from(signature);
  const no = () => false; // asked about log entries only, and none is handed over
  return {
    key: { $case: 'public-key', hint: '' },
    tlogEntries: [],
    timestamps: [],
    signature: {
      signature: bytes,
      compareSignature: (other) => other.length === bytes.length && timingSafeEqual(other, bytes),
      compareDigest: no,
      compareSignedDigest: no,
      verifySignature: (key) => HASHES[kind].some((hash) => verify(hash, data, key, bytes)),
    },
  };
}
