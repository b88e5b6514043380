import { formatReference, nameOf } from '../../core/model/index.ts';
import type {
  Descriptor,
  Digest,
  ImageRef,
  Manifest,
  ManifestContent,
  PinnedRef,
} from '../../core/model/index.ts';
import { readBlob } from './blob.ts';
import type { Begin } from './call.ts';
import { readContent, readTagDigest } from './manifest.ts';
import { openBlob } from './open-blob.ts';
import { readFallbackTag, readReferrers } from './referrers.ts';
import { readTags } from './tags.ts';
import type { Send } from './transport.ts';

/**
 * Reads from any number of registries. Every question ends with its `signal` at the latest, and throws a `Fault`:
 * `DeadlineExceeded` then, `RegistryDenied` (401, 403, a login that cannot be had), `RegistryRateLimited`,
 * `RegistryUnavailable` (5xx, connection, TLS, time limit of one request), `LimitExceeded` (more than is read),
 * `UntrustedEndpoint` (redirect, token realm or next page that leads away), `RegistryMisbehaved` (all else that cannot be
 * right). A plain 404 is `undefined`.
 */
export interface RegistryReads {
  /**
   * The manifest or index a digest or tag names, at most `MAX_MANIFEST_BYTES` long. Its digest is computed from the bytes
   * and agrees with the one asked for and with what the registry claims.
   */
  manifest(ref: ImageRef, signal: AbortSignal): Promise<Manifest | undefined>;
  /** The same with the raw bytes, which are what is copied. */
  content(ref: ImageRef, signal: AbortSignal): Promise<ManifestContent | undefined>;
  /** The digest that the registry claims a tag points to. */
  tagDigest(ref: ImageRef, signal: AbortSignal): Promise<Digest | undefined>;
  /**
   * What refers to an image, each once: by the referrers API, else by the fallback tag `sha256-…`. Empty when there is
   * neither. An entry that is broken but names a manifest comes with size 0 and no annotations.
   */
  referrers(image: PinnedRef, signal: AbortSignal): Promise<readonly Descriptor[]>;
  /** What the fallback tag lists, whether or not there is an API. */
  fallbackReferrers(image: PinnedRef, signal: AbortSignal): Promise<readonly Descriptor[]>;
  /** The bytes of a blob, checked against the descriptor; more than `maxBytes` are neither asked for nor read. */
  blob(
    repository: ImageRef,
    descriptor: Descriptor,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<Uint8Array | undefined>;
  /**
   * The bytes of a blob from `offset` on, as they come. Neither size nor digest is checked: whoever takes them in does that.
   * They are read to their end, or the signal is fired.
   */
  openBlob(
    repository: ImageRef,
    blob: Descriptor,
    offset: number,
    signal: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array> | undefined>;
  /** All tags in the registry's order; `undefined` when there is no such repository. */
  tags(repository: ImageRef, signal: AbortSignal): Promise<readonly string[] | undefined>;
}

/** Makes the reads over a transport. */
export function readsOver(send: Send, begin: Begin): RegistryReads {
  return {
    manifest: async (ref, signal) => {
      const call = begin('manifest', `read manifest of ${formatReference(ref)}`, ref, signal);
      return (await readContent(send, call, ref))?.manifest;
    },
    content: (ref, signal) => {
      const call = begin('manifest', `read manifest of ${formatReference(ref)}`, ref, signal);
      return readContent(send, { ...call, patient: true }, ref);
    },
    tagDigest: (ref, signal) =>
      readTagDigest(send, begin('tag', `resolve ${formatReference(ref)}`, ref, signal), ref),
    referrers: (image, signal) =>
      readReferrers(
        send,
        begin('referrers', `list referrers of ${formatReference(image)}`, image, signal),
        image.digest,
      ),
    fallbackReferrers: (image, signal) =>
      readFallbackTag(
        send,
        begin('referrers', `read the fallback tag of ${formatReference(image)}`, image, signal),
        image.digest,
      ),
    blob: (repository, descriptor, maxBytes, signal) =>
      readBlob(
        send,
        begin('blob', `read blob ${descriptor.digest} of ${nameOf(repository)}`, repository, signal),
        descriptor,
        maxBytes,
      ),
    openBlob: (repository, blob, offset, signal) =>
      openBlob(
        send,
        begin('download', `read blob ${blob.digest} of ${nameOf(repository)}`, repository, signal),
        blob,
        offset,
      ),
    tags: (repository, signal) =>
      readTags(send, begin('tags', `list tags of ${nameOf(repository)}`, repository, signal)),
  };
}
