import type { Annotations } from './descriptor.ts';
import type { Digest } from './digest.ts';
import type { Fact } from './fact.ts';
import type { Manifest } from './manifest.ts';
import type { Reason } from './reason.ts';
import type { ImageRef } from './reference.ts';

/**
 * Something that points at the image as its subject (OCI image spec 1.1, `subject`). One that the listing describes too
 * poorly and that could not be opened is kept as `unread`: it may be anything, also a quarantine flag.
 */
export type Referrer =
  | {
      readonly state: 'read';
      readonly digest: Digest;
      /** Empty when neither the listing nor the manifest names one. */
      readonly artifactType: string;
      readonly annotations: Annotations;
    }
  | Unread;

/** A piece of evidence that is there and could not be read. */
export interface Unread {
  readonly state: 'unread';
  readonly reason: Reason;
  readonly transient: boolean;
}

/** Bytes found next to an image that say they are a signature, before anyone has checked them. */
export type SignatureCandidate = SimpleSigningCandidate | BundleCandidate;

/** A layer of a cosign `.sig` manifest: the simple-signing payload and the signature that its annotation carries. */
export interface SimpleSigningCandidate {
  readonly form: 'simple-signing';
  /** Where it lies: the digest of the manifest that carries it. */
  readonly digest: Digest;
  readonly payload: Uint8Array;
  /** Annotations of the layer: signature, and later certificate, chain, log entry. */
  readonly annotations: Annotations;
}

/** A sigstore bundle carried by a referrer. */
export interface BundleCandidate {
  readonly form: 'bundle';
  readonly digest: Digest;
  readonly json: Uint8Array;
}

/** What a signature candidate turned out to be. */
export type Signature =
  | {
      readonly state: 'proven';
      /** Digest of the manifest that carries it. */
      readonly digest: Digest;
      /** Fingerprint of the key that made it ({@link PublicKey.fingerprint}). */
      readonly provenBy: string;
      readonly says: SignedClaim;
    }
  | {
      readonly state: 'unproven';
      readonly digest: Digest;
      /** Why it does not count, as one clause, e.g. `made by another key`. */
      readonly why: string;
    }
  | Unread;

/** What a proven signature says about the image: "I signed this", or an in-toto statement. */
export type SignedClaim =
  | { readonly kind: 'signature'; readonly annotations: Annotations }
  | { readonly kind: 'statement'; readonly predicateType: string; readonly predicate: unknown };

/** The newest image of a line that is still supported: what to tell somebody whose image is outdated. */
export interface Successor {
  readonly tag: string;
}

/**
 * All that is known about one pinned image. Facts say what the registry reports and what signatures prove; which
 * annotation keys, artifact types and keys *count* is for a policy to say, so one fact serves every policy.
 */
export interface Evidence {
  /** Pinned as soon as it is resolved; without a digest its manifest is always `absent` or `unknown`. */
  readonly image: ImageRef;
  readonly manifest: Fact<Manifest>;
  readonly referrers: Fact<readonly Referrer[]>;
  /** Every signature and signed statement found, tried with every key of the policies asked. */
  readonly signatures: Fact<readonly Signature[]>;
  readonly successor: Fact<Successor>;
}
