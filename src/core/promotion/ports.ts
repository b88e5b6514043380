import type { BlobSource, ManifestSource, ReferrerSource, TagSource } from '../evidence/index.ts';
import type {
  Annotations,
  Descriptor,
  Digest,
  Extension,
  ImageRef,
  ManifestContent,
  PinnedRef,
} from '../model/index.ts';
import type { ScanReport } from './gates/scan-report.ts';

/*
 * What promotion needs from outside: the smallest interfaces, implemented by clients/registry, clients/scanner and clients/sigstore.
 * Every call takes the signal of the one deadline of the run, throws a `Fault` when the connection is broken, and answers
 * `undefined` when the other side reports that there is no such thing.
 */

/** One registry read with certain logins: everything that a copy starts from. */
export interface SourceRegistry extends ManifestSource, ReferrerSource, BlobSource, TagSource {
  /** A manifest with its raw bytes, the digest computed from them. A referrer may be an artifact manifest of early OCI 1.1. */
  content(ref: ImageRef, signal: AbortSignal, kind?: 'referrer'): Promise<ManifestContent | undefined>;
  /** The bytes of a blob from `offset` on, as they come. Neither size nor digest is checked here: the caller does that. */
  openBlob(
    repository: ImageRef,
    blob: Descriptor,
    offset: number,
    signal: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array> | undefined>;
  /**
   * Notes that the bytes of a blob were not what its descriptor says. True = they came from a mirror, which is not read for it
   * again for some time: another try reads elsewhere. Absent = there are no mirrors.
   */
  refute?(repository: ImageRef, blob: Descriptor): boolean;
}

/** One blob to bring from one repository to another. */
export interface BlobTransfer {
  readonly blob: Descriptor;
  /** Where it lies, and who may read there. */
  readonly source: Pick<SourceRegistry, 'openBlob' | 'refute'>;
  readonly from: ImageRef;
  readonly to: ImageRef;
  /** Called for every piece that arrived, in bytes; also of those a second time that had to be sent again. */
  readonly onBytes?: (bytes: number) => void;
}

/** How a blob came to the target. `shared` = another transfer was already bringing it there, and that one counts the bytes. */
export type BlobArrival = 'present' | 'mounted' | 'copied' | 'shared';

/** One registry written with certain logins: everything that a copy ends at. */
export interface TargetRegistry extends SourceRegistry {
  /**
   * Brings a blob: mounted where both repositories lie in one registry, else streamed, without disk and with its digest checked
   * on the way. The same blob for the same repository travels once, however many ask. `maybeThere` = a HEAD is worth its
   * request, because the target may have it already.
   */
  transferBlob(
    transfer: BlobTransfer & { readonly maybeThere: boolean },
    signal: AbortSignal,
  ): Promise<BlobArrival>;
  /** Whether a repository has a blob. */
  hasBlob(repository: ImageRef, digest: Digest, signal: AbortSignal): Promise<boolean>;
  /** The digest of bytes that are to be pushed; large ones are hashed outside of the main thread. */
  digestOf(bytes: Uint8Array): Promise<Digest>;
  /** Pushes a small blob that was made here; one that is there already costs a HEAD. */
  pushBlob(repository: ImageRef, bytes: Uint8Array, signal: AbortSignal): Promise<Digest>;
  /** Makes a manifest with more layers of one that lies there, a large one beside the main thread. Nothing is pushed. */
  extendManifest(to: ImageRef, extension: Extension, signal: AbortSignal): Promise<ManifestContent>;
  /**
   * Pushes a manifest or index as these bytes, under its digest or under a tag. One with a subject is also found by the
   * fallback tag afterwards where the registry has no referrers API: merged into what is there, and read back.
   */
  pushManifest(to: ImageRef, content: ManifestContent, signal: AbortSignal): Promise<void>;
  /** Deletes a manifest by its digest, and with it every tag of it. `absent` = it was gone; `refused` = this registry does not. */
  deleteManifest(image: PinnedRef, signal: AbortSignal): Promise<Deletion>;
  /** Takes a tag away and leaves the manifest; `refused` where a registry cannot do one without the other. */
  deleteTag(tag: ImageRef, signal: AbortSignal): Promise<Deletion>;
  /** Milliseconds for which the registry wants to be left alone by this login before another image is begun; 0 = go on. */
  restMs(repository: ImageRef, signal: AbortSignal): Promise<number>;
}

/** The result of a deletion. */
export type Deletion = 'deleted' | 'absent' | 'refused';

/** Something signed in both of cosign's forms; callers push the ones they want. */
export interface SignedContent {
  /** The sigstore bundle, as JSON. */
  readonly bundle: Uint8Array;
  /** What a layer of a `.sig` or `.att` manifest holds: the simple-signing payload, or the DSSE envelope as JSON. */
  readonly layer: Uint8Array;
  /** Annotations of that layer: the signature, and for keyless signers certificate, chain and log entry. */
  readonly layerAnnotations: Annotations;
}

/** Something signed that was found where this signer writes. */
export type SignedRecord =
  | { readonly form: 'bundle' | 'envelope'; readonly json: Uint8Array }
  | { readonly form: 'simple-signing'; readonly payload: Uint8Array; readonly annotations: Annotations };

/** An in-toto statement v1 about images (in-toto attestation framework, "Statement"). */
export interface Statement {
  readonly _type: 'https://in-toto.io/Statement/v1';
  readonly subject: readonly {
    readonly name?: string;
    readonly digest: Readonly<Record<string, string>>;
    readonly annotations?: Annotations;
  }[];
  readonly predicateType: string;
  readonly predicate: unknown;
}

/** A statement as JSON already: one that holds a large report is never a value on the main thread. */
export interface WrittenStatement extends Pick<Statement, 'predicateType'> {
  readonly json: Uint8Array;
  /** The digest of it, where it was computed already: that of a large one takes the main thread too long. */
  readonly digest?: Digest;
}

/** Signs in one name, with a key or an identity token. Throws a `Fault` `SigningFailed` when that cannot be done. */
export interface ArtifactSigner {
  /** Who signs, as records name it: the fingerprint of the key, or the subject of the certificate. */
  readonly name: string;
  /** The public key (PEM) by which what it signs is verified; absent where it signs by certificates. */
  readonly publicKey?: string;
  /** A cosign signature of an image: "I signed this", with annotations of the signer. */
  signImage(image: PinnedRef, annotations: Annotations, signal: AbortSignal): Promise<SignedContent>;
  /** A signed statement (DSSE). */
  signStatement(statement: Statement | WrittenStatement, signal: AbortSignal): Promise<SignedContent>;
  /**
   * Whether a bundle, an envelope or a simple-signing layer that claims to be by this signer is. Absent where only a verdict
   * with trust roots can know: then the claim is only a claim.
   */
  readonly made?: (record: SignedRecord) => boolean;
}

/** What is scanned: an image where it lies, or an SBOM. */
export type ScanSubject =
  | { readonly kind: 'image'; readonly image: PinnedRef }
  | { readonly kind: 'sbom'; readonly sbom: Uint8Array };

/** What a scanner found, its own JSON and what is read of it, and with what. */
export interface ScanOutput extends ScanReport {
  readonly scanner: { readonly name: string; readonly version: string };
  /** When its database was last updated; absent when it does not say. */
  readonly databaseUpdatedAt?: Date;
  readonly startedAt: Date;
  readonly finishedAt: Date;
}

/** Scans for vulnerabilities. Throws a `Fault` `ScannerFailed`: missing, crashing, hanging and unreadable output are all "unknown". */
export type Scanner = (subject: ScanSubject, signal: AbortSignal) => Promise<ScanOutput>;
