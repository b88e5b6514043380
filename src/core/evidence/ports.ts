/*
 * What verification needs from outside: the smallest interfaces, satisfied structurally by adapters. Every call takes
 * the signal of the one deadline of the request, throws a `Fault` when the wire is broken, and answers `undefined` when
 * the other side says plainly that there is no such thing.
 */
import { Fault, ownerName, unknown } from '../model/index.ts';
import type {
  AnnotationKeys,
  Clock,
  ConditionOutcome,
  Descriptor,
  Digest,
  Fact,
  ImageRef,
  JobOutcome,
  Manifest,
  Owner,
  PinnedRef,
  Signature,
  SignatureCandidate,
  Trust,
  Turn,
  Unknown,
  Unread,
} from '../model/index.ts';
import type { ConditionJob } from '../policy/index.ts';
import type { ByteBudget, Spending } from './byte-budget.ts';
import type { Memory } from './memory.ts';

/** Reads manifests and indexes. */
export interface ManifestSource {
  /**
   * The manifest that a tag or digest names; a digest in the reference wins over its tag. The digest of the answer is
   * computed from the bytes and equals the one asked for. `keys` = the annotations to keep; absent = all.
   */
  manifest(ref: ImageRef, signal: AbortSignal, keys?: AnnotationKeys): Promise<Manifest | undefined>;
  /** The digest a tag points to, as the registry claims it; `undefined` when there is no such tag. */
  tagDigest(ref: ImageRef, signal: AbortSignal): Promise<Digest | undefined>;
}

/** Lists what refers to an image: the referrers API, or the fallback tag where the registry has no such API. */
export interface ReferrerSource {
  /** All descriptors of the listing, as listed; empty when nothing refers to the image. `keys` as of a manifest. */
  referrers(image: PinnedRef, signal: AbortSignal, keys?: AnnotationKeys): Promise<readonly Descriptor[]>;
  /** What the fallback tag lists, also where there is an API: it may hold what was written before the registry got one. */
  fallbackReferrers(
    image: PinnedRef,
    signal: AbortSignal,
    keys?: AnnotationKeys,
  ): Promise<readonly Descriptor[]>;
}

/** Reads small blobs whole: signature payloads, bundles. */
export interface BlobSource {
  /**
   * The bytes, whose digest and size are those of the descriptor; more than `maxBytes` is a Fault `LimitExceeded`. They are the
   * caller's alone, who may give their memory away.
   */
  blob(
    repository: ImageRef,
    descriptor: Descriptor,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<Uint8Array | undefined>;
}

/** Lists all tags of a repository, in the registry's order. */
export interface TagSource {
  tags(repository: ImageRef, signal: AbortSignal): Promise<readonly string[] | undefined>;
}

/**
 * Says what a candidate proves about a digest, tried against everything trusted: one entry per signer it proves, or one
 * that says why it proves nothing. Never rejects for anything a candidate holds. May work elsewhere than on this thread,
 * where owners take turns.
 */
export type SignatureVerifier = (
  candidate: SignatureCandidate,
  digest: Digest,
  trust: Trust,
  owner?: string,
) => Promise<readonly Signature[]>;

/** A login for a registry: a name with a password, a refresh token, or a ready-made bearer token. */
export type RegistryLogin =
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  | { readonly kind: 'identity'; readonly token: string }
  | { readonly kind: 'bearer'; readonly token: string };

/**
 * Finds the login for a repository; `undefined` means anonymous. Throws a `Fault` when a login is configured that cannot be
 * read: an anonymous request instead would turn a broken configuration into "there is no such image".
 */
export type Keychain = (
  place: { readonly registry: string; readonly repository: string },
  signal: AbortSignal,
  /** What it is needed for; absent = `pull`. */
  access?: 'pull' | 'push' | 'delete',
) => Promise<RegistryLogin | undefined>;

/** Everything that is read from a registry. */
export interface RegistrySource extends ManifestSource, ReferrerSource, BlobSource, TagSource {
  /** The same registry, where requests wait for a connection in this turn; absent = none waits for another. */
  inTurn?(turn: Turn): RegistrySource;
}

/** What gathering evidence needs from outside, joined in one value that travels down the calls. */
export interface Sources {
  readonly registry: RegistrySource;
  readonly verifySignature: SignatureVerifier;
  /** Answers conditions beside the main thread; absent = all of them are answered on it. */
  readonly answerElsewhere?: (
    job: ConditionJob,
    weight: { readonly bytes: number; readonly owner: string },
  ) => Promise<JobOutcome<ConditionOutcome>>;
  readonly memory: Memory;
  /** What each owner has read of registries; absent = without limit. */
  readonly spending?: Pick<Spending, 'isOver'>;
  /** Bounds the signatures and statements that are in memory at a time; absent = without limit. */
  readonly candidates?: ByteBudget;
  /** The turn in which a look-up reads; absent outside of one. */
  readonly turn?: Turn;
  /** For whom it is done. */
  readonly owner?: Owner | undefined;
  /** Look also where things were kept before the registry knew better: before a refusal, and for flags and dates. */
  readonly thorough?: boolean;
  readonly clock: Clock;
  readonly report: Report;
}

/** The annotations that are kept of what registries send, with a short name for the key of a fact. */
export interface KeptAnnotations {
  readonly id: string;
  readonly keys: AnnotationKeys;
}

/** Sources with the one deadline by which this caller needs the answer, or this load its own. */
export interface Reading extends Sources {
  readonly signal: AbortSignal;
  /** Of manifests and listings only these annotations are kept. */
  readonly kept: KeptAnnotations;
}

/** The name under which the shares of this work are counted. */
export function nameOfOwner({ owner }: Pick<Sources, 'owner'>): string {
  return owner ? ownerName(owner) : '';
}

/** The same sources, asked in this turn. */
export function inTurn<S extends Sources>(sources: S, turn: Turn): S {
  const { registry, memory } = sources;
  return { ...sources, registry: registry.inTurn?.(turn) ?? registry, memory: memory.inTurn(turn), turn };
}

/** Passes on a failure that is no {@link Fault}, hence a bug, to the log. */
export type Report = (error: unknown) => void;

/**
 * Asks one question outside and turns every outcome into a fact: a value is `found`, `undefined` is `absent`, and
 * whatever was thrown is `unknown`, never `absent`.
 */
export async function learn<T>(
  ask: () => Promise<T | undefined>,
  { clock, report }: { readonly clock: Clock; readonly report: Report },
): Promise<Fact<T>> {
  try {
    const value = await ask();
    const seenAt = clock();
    return value === undefined ? { state: 'absent', seenAt } : { state: 'found', value, seenAt };
  } catch (error) {
    if (error instanceof Fault) return unknown(error.code, error.message, error.transient);
    report(error);
    return unknown('InternalError', 'an internal error, see the log of Pratique');
  }
}

/** An unknown fact as a piece of evidence that exists but cannot be read. */
export function unread({ reason, transient }: Unknown): Unread {
  return { state: 'unread', reason, transient };
}
