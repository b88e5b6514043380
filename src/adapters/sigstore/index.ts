// Sigstore: what a signature found next to an image proves. Owns the @sigstore libraries; pure computation on bytes
// that somebody else fetched.
import type { Digest, PublicKey, Signature, SignatureCandidate } from '../../core/model/index.ts';
import { verifyBundle } from './bundle.ts';
import { verifySimpleSigning } from './simple-signing.ts';

/**
 * Tries one candidate with every key and binds it to `digest`. Never throws: whatever cannot be read, belongs to another
 * digest or was made by another key is `unproven` with one clause why.
 */
export function verifySignature(
  candidate: SignatureCandidate,
  digest: Digest,
  keys: readonly PublicKey[],
): Signature {
  return candidate.form === 'bundle'
    ? verifyBundle(candidate, digest, keys)
    : verifySimpleSigning(candidate, digest, keys);
}
