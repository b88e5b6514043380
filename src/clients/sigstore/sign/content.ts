import type { Annotations, PinnedRef } from '../../../core/model/index.ts';

/** Something signed in both of cosign's forms. */
export interface SignedContent {
  /** The sigstore bundle (v0.3), as JSON. */
  readonly bundle: Uint8Array;
  /** What a layer of a `.sig` or `.att` manifest holds: the simple-signing payload, or the DSSE envelope as JSON. */
  readonly layer: Uint8Array;
  readonly layerAnnotations: Annotations;
}

/** An in-toto statement v1. */
export interface StatementToSign {
  readonly _type: 'https://in-toto.io/Statement/v1';
  readonly subject: readonly StatementSubject[];
  readonly predicateType: string;
  readonly predicate: unknown;
}

/** What a statement is about. */
export interface StatementSubject {
  readonly name?: string;
  readonly digest: Readonly<Record<string, string>>;
  readonly annotations?: Annotations;
}

/** Something signed that was found in a registry. */
export type SignedRecord =
  | { readonly form: 'bundle' | 'envelope'; readonly json: Uint8Array }
  | { readonly form: 'simple-signing'; readonly payload: Uint8Array; readonly annotations: Annotations };

/** Signs images and statements in one name. */
export interface ContentSigner {
  /** SHA-256 of the public key (DER), lower-case hex; or the subject of the identity token. */
  readonly name: string;
  /** "I signed this image", as `cosign sign` says it. */
  signImage(image: PinnedRef, annotations: Annotations, signal: AbortSignal): Promise<SignedContent>;
  /** A signed statement, as `cosign attest` makes it. */
  signStatement(statement: StatementToSign, signal: AbortSignal): Promise<SignedContent>;
  /** The public key (PEM) by which what it signs is verified; absent where it signs by certificates. */
  readonly publicKey?: string;
  /** Whether something signed that claims to be by this signer is; absent where that takes trust roots to tell. Never throws. */
  readonly made?: (record: SignedRecord) => boolean;
}
