import type { Annotations } from './descriptor.ts';
import type { Digest } from './digest.ts';
import type { Fact, Unknown } from './fact.ts';
import type { Manifest } from './manifest.ts';
import type { ImageRef, PinnedRef } from './reference.ts';
import type { Signer } from './trust.ts';

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
export interface Unread extends Omit<Unknown, 'state'> {
  readonly state: 'unread';
}

/** Where a candidate lies: the digest of the manifest that carries it. */
interface Carried {
  readonly digest: Digest;
}

/** A layer of a cosign `.sig` manifest: annotations with signature, certificate, chain, log entry and timestamp. */
export interface SimpleSigningCandidate extends Carried {
  readonly form: 'simple-signing';
  readonly payload: Uint8Array;
  readonly annotations: Annotations;
}

/** A layer of a cosign `.att` manifest: a DSSE envelope as JSON, with certificate, log entry and timestamp in annotations. */
export interface EnvelopeCandidate extends Carried {
  readonly form: 'envelope';
  readonly json: Uint8Array;
  readonly annotations: Annotations;
}

/** A sigstore bundle. */
export interface BundleCandidate extends Carried {
  readonly form: 'bundle';
  readonly json: Uint8Array;
}

/** An unsigned candidate: an in-toto statement, or a report by its media type. It is evidence of its own kind. */
export interface PlainCandidate extends Carried {
  readonly form: 'plain';
  readonly json: Uint8Array;
  readonly mediaType: string;
}

/** Bytes found next to an image that say they are a signature or a statement, before anyone has checked them. */
export type SignatureCandidate =
  SimpleSigningCandidate | EnvelopeCandidate | BundleCandidate | PlainCandidate;

/** What a candidate turned out to be. */
export type Signature =
  | ProvenSignature
  /** A statement or report about this image that is not signed: it may inform a person, and proves nothing. */
  | { readonly state: 'unsigned'; readonly digest: Digest; readonly says: StatementClaim }
  /** One that does not count; `why` is one clause, e.g. `made by another key`. */
  | { readonly state: 'unproven'; readonly digest: Digest; readonly why: string }
  | Unread;

/** A signature that verifies and is about exactly this image. */
export interface ProvenSignature {
  readonly state: 'proven';
  /** Digest of the manifest that carries it. */
  readonly digest: Digest;
  readonly signer: Signer;
  /** Fingerprints of the trust roots one of whose transparency logs holds exactly this signature by exactly this signer. */
  readonly loggedBy: readonly string[];
  /** Fingerprints of the trust roots one of whose timestamp authorities has seen this signature. */
  readonly timestampedBy: readonly string[];
  /** When it was made at the latest, as a log or timestamp authority proves; absent when nothing proves a time. */
  readonly signedAt?: Date;
  readonly says: SignedClaim;
}

/** What a signature says about the image: "I signed this", or an in-toto statement. */
export type SignedClaim = { readonly kind: 'signature'; readonly annotations: Annotations } | StatementClaim;

/** An in-toto statement about the image; a report without statement has its media type as predicate type. */
export interface StatementClaim {
  readonly kind: 'statement';
  readonly predicateType: string;
  /** The predicate as JSON value; absent where it is large. */
  readonly predicate?: unknown;
  readonly large?: LargePredicate;
}

/** What stands for a predicate that is too large to be handled on the main thread: what was read of it beside that thread. */
export interface LargePredicate {
  /** Of the text below or, without it, of the whole. */
  readonly digest: Digest;
  /** JSON, UTF-8, for the conditions of policies; absent where no condition may read so much, or nothing proves it. */
  readonly json?: Uint8Array;
  /** When the statement says that it was made. */
  readonly statedAt?: Date;
  /** What core/policy read of it as a vulnerability report. */
  readonly report?: unknown;
}

/** What an image says about itself, for the conditions of policies: claims of the one who pushed it, bound to the digest. */
export interface ImageContents {
  /** Of the image and, where that is an index, of the platform. */
  readonly annotations: Annotations;
  /** The image it was built from, by annotation or label (`org.opencontainers.image.base.*`); empty where it does not say. */
  readonly base: { readonly name: string; readonly digest: string };
  /** The config as JSON; `null` for what has none. */
  readonly config: unknown;
}

/** Whether a condition on a statement holds; `limit`: there was more to do than allowed; `failed`: it has no answer for this predicate. */
export type ConditionOutcome =
  | { readonly ok: true; readonly value: boolean }
  | { readonly ok: false; readonly kind: 'limit' | 'failed'; readonly why: string };

/** The newest image of a line that is still supported: what the message names when an image is outdated. */
export interface Successor {
  readonly tag: string;
}

/** What is known about one platform of a multi-platform image. */
export interface ChildEvidence {
  readonly digest: Digest;
  /** E.g. `linux/arm64`; empty when the index does not say. */
  readonly platform: string;
  readonly signatures: Fact<readonly Signature[]>;
}

/** What is known about an index that lists an image: what stands on it holds for the image as well. */
export interface IndexEvidence {
  readonly image: PinnedRef;
  readonly manifest: Fact<Manifest>;
  readonly referrers: Fact<readonly Referrer[]>;
  /** Releases, where something has to be lifted. */
  readonly signatures: Fact<readonly Signature[]>;
}

/** Signatures of something that people take for the image: one of its platforms, or an index that lists it. They never count for it. */
export interface NearEvidence {
  readonly kind: 'platform' | 'index';
  /** How a message names it: `linux/arm64`, or its digest. */
  readonly name: string;
  readonly signatures: Fact<readonly Signature[]>;
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
  /** Every platform of a multi-platform image; absent for any other image. */
  readonly children: Fact<readonly ChildEvidence[]>;
  readonly successor: Fact<Successor>;
  /** Read only for the message of a refusal; absent where nothing is refused for want of a signature. */
  readonly near?: readonly NearEvidence[];
  /** The indexes through which the tag of the reference leads to its digest; absent where it names one of both only. */
  readonly indexes?: Fact<readonly IndexEvidence[]>;
  /** The image, or each platform of an index; read only where a condition asks for it. */
  readonly contents?: Fact<readonly ImageContents[]>;
  /** The answers of conditions, by their text, for each statement that they were asked of. */
  readonly conditions?: ReadonlyMap<StatementClaim, ReadonlyMap<string, ConditionOutcome>>;
}
