import { createHash, createPublicKey, type KeyObject, timingSafeEqual, X509Certificate } from 'node:crypto';
import type { TransparencyLogEntry } from '@sigstore/bundle';
import { TrustedRoot } from '@sigstore/protobuf-specs';
import { type SignedEntity, toTrustMaterial, type TrustMaterial } from '@sigstore/verify';
import { LRUCache } from 'lru-cache';
import { parseObjects } from '../encodings.ts';
import type { Digest, PublicKey, SignedClaim, TrustRoot } from '../../../core/model/index.ts';

/** What a signature covers: bytes, or the SHA-256 of a file whose bytes are elsewhere. */
export type Covered = { readonly bytes: Uint8Array } | { readonly sha256: Buffer };

/** A signature and all that came with it, taken out of its carrier. Nothing of it is proven yet. */
export interface SignedMaterial {
  readonly signature: Buffer;
  readonly covered: Covered;
  /** The payload inside a DSSE envelope, which logs hash by itself; elsewhere the covered bytes again. */
  readonly payload: Covered;
  /** DER of the certificate of the key that signed; absent when a key signed that the verifier must know already. */
  readonly certificate?: Buffer;
  /** DER of certificates shipped to connect that one with an authority; never trusted by themselves. */
  readonly shipped: readonly Buffer[];
  readonly entries: readonly TransparencyLogEntry[];
  /** RFC 3161 responses, DER. */
  readonly timestamps: readonly Buffer[];
  /** What those timestamps were made over. */
  readonly timestamped: Buffer;
  /** Log entries and timestamps that are there and cannot be read, each as one clause. */
  readonly unreadable: readonly string[];
}

/** A signature, and how to read what it says once it is known to be good. */
export interface SignedCandidate {
  readonly material: SignedMaterial;
  /** What it says about `digest`, or one clause why it says nothing about it (CVE-2026-39395: unreadable is not fine). */
  readonly read: (digest: Digest) => SignedClaim | string;
}

/** Log entries of one signature that are examined: one is usual; an endless list was CVE-2024-45395. */
const MAX_LOG_ENTRIES = 8;
/** Timestamps of one signature that are examined: one is usual, and each costs milliseconds. */
const MAX_TIMESTAMPS = 4;
/** Certificates shipped with one signature, the root they end in among them; chains of 1,000 were CVE-2026-32280. */
const MAX_SHIPPED_CERTIFICATES = 8;
/** Largest bundle, envelope or report in bytes: a statement of 32 MiB in base64, with its signature. A list of the parts of a large image has a few million. */
export const MAX_JSON_BYTES = 44 * 1024 * 1024;

/** How much came with one signature. */
type Counts = Readonly<Partial<Record<'entries' | 'timestamps' | 'certificates', number>>>;

/** One clause on what there is too much of, or `undefined`. */
export function excess({ entries = 0, timestamps = 0, certificates = 0 }: Counts): string | undefined {
  if (entries > MAX_LOG_ENTRIES) return `with ${entries} log entries, more than ${MAX_LOG_ENTRIES}`;
  if (timestamps > MAX_TIMESTAMPS) return `with ${timestamps} timestamps, more than ${MAX_TIMESTAMPS}`;
  if (certificates <= MAX_SHIPPED_CERTIFICATES) return undefined;
  return `with a chain of ${certificates} certificates, more than ${MAX_SHIPPED_CERTIFICATES}`;
}

/** Hashes by their length in bytes: log entries of P-384 and P-521 keys hold those of the curve's size. */
const BY_LENGTH: Readonly<Record<number, string>> = { 32: 'sha256', 48: 'sha384', 64: 'sha512' };

/** A signature as the library compares it with log entries. That the key made it is proven before, and not computed again. */
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

export function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Roots and keys kept parsed. Policies name a handful; what falls out is parsed again in less than a millisecond. */
const MAX_KEPT = 64;

/** An authority that issues certificates for signing. */
export interface Authority {
  /** Its own certificates, the root among them. */
  readonly certificates: readonly X509Certificate[];
  /** The same for the library, with the time the root trusts it for. */
  readonly forLibrary: TrustMaterial['certificateAuthorities'][number];
}

export interface RootMaterial {
  readonly fingerprint: string;
  readonly material: TrustMaterial;
  readonly authorities: readonly Authority[];
}

/** Trust material that is parsed once and then kept, bounded. */
export interface ParsedTrust {
  /**
   * One for each line of a root that has several: a signature is proven by one of them alone. None for a root that cannot be
   * read: nothing is proven by it.
   */
  readonly root: (root: TrustRoot) => readonly RootMaterial[];
  readonly key: (key: PublicKey) => KeyObject;
}

export function createParsedTrust(): ParsedTrust {
  const roots = new LRUCache<string, readonly RootMaterial[]>({ max: MAX_KEPT });
  const keys = new LRUCache<string, KeyObject>({ max: MAX_KEPT, memoMethod: (pem) => createPublicKey(pem) });
  return {
    root: ({ fingerprint, json }) => {
      const kept = roots.get(fingerprint);
      if (kept) return kept;
      const material = parseRoot(json, fingerprint);
      if (material.length > 0) roots.set(fingerprint, material);
      return material;
    },
    key: ({ pem }) => keys.memo(pem),
  };
}

function parseRoot(json: string, fingerprint: string): readonly RootMaterial[] {
  try {
    const bodies = parseObjects(json) ?? [];
    return bodies.map((body) => toRootMaterial(TrustedRoot.fromJSON(body), fingerprint));
  } catch {
    return []; // it was never accepted by readTrustRoot, which says what is wrong with it
  }
}

/** Parses every certificate and key of a root; throws what the libraries throw. */
export function toRootMaterial(root: TrustedRoot, fingerprint: string): RootMaterial {
  const material = toTrustMaterial(root, () => {
    throw new Error('a trust root holds no signing keys');
  });
  const authorities = material.certificateAuthorities.map((forLibrary, index) => {
    const chain = root.certificateAuthorities[index]?.certChain?.certificates ?? [];
    return { forLibrary, certificates: chain.map(({ rawBytes }) => new X509Certificate(rawBytes)) };
  });
  return { fingerprint, material, authorities };
}

/** Trust in one part of a root only: with any certificate authority the library would accept a certificate in place of a key. */
export function trustOnly(key: KeyObject, part: Partial<TrustMaterial>): TrustMaterial {
  return {
    certificateAuthorities: [],
    timestampAuthorities: [],
    tlogs: [],
    ctlogs: [],
    publicKey: () => ({ publicKey: key, validFor: () => true }),
    ...part,
  };
}
