import { createHash } from 'node:crypto';

/** The hash algorithms registered by the OCI image spec ("Registered algorithms") that Pratique reads. */
export type DigestAlgorithm = 'sha256' | 'sha512';

/** A content digest in its canonical lower-case form, e.g. `sha256:<64 hex>`. Made by {@link parseDigest} or {@link digestOf} only. */
export type Digest = `${DigestAlgorithm}:${string}`;

const CANONICAL = /^(?:sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})$/;

/** Reads a digest; `undefined` for any other length, case or algorithm (a digest has one spelling only). */
export function parseDigest(text: unknown): Digest | undefined {
  return typeof text === 'string' && CANONICAL.test(text) ? (text as Digest) : undefined;
}

/** The algorithm a digest names. */
export function digestAlgorithm(digest: Digest): DigestAlgorithm {
  return digest.startsWith('sha512:') ? 'sha512' : 'sha256';
}

/** The hexadecimal part of a digest, without the algorithm. */
export function digestHex(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1);
}

/** Hashes bytes that are all in memory. */
export function digestOf(bytes: Uint8Array | string, algorithm: DigestAlgorithm = 'sha256'): Digest {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
}

/** Whether these bytes are the ones the digest names: the digest is computed, never trusted. */
export function matchesDigest(bytes: Uint8Array, digest: Digest): boolean {
  return digestOf(bytes, digestAlgorithm(digest)) === digest;
}

/** The tag that lists referrers where there is no API for it (distribution spec 1.1, "Referrers Tag Schema"). */
export function fallbackTag(digest: Digest): string {
  return `${digestAlgorithm(digest)}-${digestHex(digest).slice(0, 64)}`;
}
