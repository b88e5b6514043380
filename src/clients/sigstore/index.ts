// Sigstore: what a signature found next to an image or a file proves, the trust roots it is held against, and signing. Owns
// the @sigstore libraries; works on bytes that somebody else fetched, but for the refresh of the public-good root and keyless
// signing.
import type { Parsed, TrustRoot } from '../../core/model/index.ts';
import { verifyArtifact, type ArtifactAnswer, type ArtifactQuestion } from './verify/artifact-bundle.ts';
import { refreshRoot, type RefreshOptions } from './refresh.ts';
import type { ContentSigner } from './sign/content.ts';
import { createKeySigner } from './sign/key-signer.ts';
import { createKeylessSigner, type KeylessOptions } from './sign/keyless-signer.ts';
import type { PrivateKeyText } from './sign/private-key.ts';
import { parseTrustRoot, readPublicGoodRoot } from './trust-root.ts';
import { createVerifier, type CandidateVerifier, type SignatureVerifierOptions } from './verify/verifier.ts';

export type { Artifact, ArtifactAnswer, ArtifactQuestion } from './verify/artifact-bundle.ts';
export type { RefreshOptions } from './refresh.ts';
export type { ContentSigner, SignedContent, StatementToSign } from './sign/content.ts';
export type { KeylessOptions } from './sign/keyless-signer.ts';
export type { PrivateKeyText } from './sign/private-key.ts';
export type { CandidateVerifier, SignatureVerifierOptions } from './verify/verifier.ts';

/**
 * Tries candidates with every key and every trust root and binds them to a digest: one `proven` entry per signer, or one
 * entry that says why there is none. Never rejects. What keys sign takes under half a millisecond on this thread;
 * certificates and timestamps are verified on threads that start with the first of them and never keep the process alive
 * when idle. A thread that dies, is late or has too much to do gives `unread`, transient.
 */
export function createSignatureVerifier(options: SignatureVerifierOptions = {}): CandidateVerifier {
  return createVerifier(options);
}

/**
 * Reads a Sigstore trust root (`trusted_root.json`, v0.1 or v0.2): every certificate and key in it must be readable. All
 * problems at once, each with its path in the JSON. Fields that are not known are ignored.
 */
export function readTrustRoot(json: string): Parsed<TrustRoot> {
  return parseTrustRoot(json);
}

/** The root of the public-good instance as it was when this program was built: read from disk, no network asked. */
export function publicGoodRoot(): TrustRoot {
  return readPublicGoodRoot();
}

/**
 * Fetches the newest trust root by TUF, from the public-good instance or a mirror. Takes seconds: for start-up and a
 * schedule, never for a request. Throws a `Fault` (side `trust`, transient) when the mirror cannot be reached or its
 * metadata is not what the last root promised; keep the root you have then.
 */
export function refreshPublicGoodRoot(options: RefreshOptions): Promise<Parsed<TrustRoot>> {
  return refreshRoot(options);
}

/**
 * Verifies a bundle over a file, as sigstore's conformance protocol has it: a statement must name the file's digest, a
 * message signature must cover the file. With an identity the root's logs must hold the signature and a time must be
 * proven; with a key its log entries must be good if there are any. Never throws.
 */
export function verifyArtifactBundle(question: ArtifactQuestion): ArtifactAnswer {
  return verifyArtifact(question);
}

/**
 * Opens a private key to sign with: an encrypted cosign key with its password, or a plain one. ECDSA P-256, P-384 and P-521,
 * each with the hash of its size, RSA (PKCS #1 v1.5) of 2048 bits or more, Ed25519. Problems name the field (`pem`,
 * `password`) and repeat nothing of either. The signer signs within a millisecond and asks nobody.
 */
export function openKeySigner(key: PrivateKeyText): Promise<Parsed<ContentSigner>> {
  return createKeySigner(key);
}

/**
 * Opens a signer in the name of an OpenID identity: a key of its own for a few minutes, certified by Fulcio, every signature
 * logged by Rekor or timestamped or both. All problems with the options at once; none repeats the token. Nobody is asked
 * before something is signed; then a `Fault` is `SigningFailed` when one of them does not do its part, `DeadlineExceeded`
 * when the signal ended it. Its name is the subject of the token, which certificates of some issuers spell otherwise.
 */
export function openKeylessSigner(options: KeylessOptions): Parsed<ContentSigner> {
  return createKeylessSigner(options);
}
