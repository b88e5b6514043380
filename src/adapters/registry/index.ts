// Talks to OCI registries (distribution spec 1.1): reads manifests, referrers, blobs and tags, with logins, redirects,
// limits and suspicion. The only room that knows HTTP and the quirks of registries.
import { LRUCache } from 'lru-cache';
import { formatReference, nameOf } from '../../core/model/index.ts';
import type { Descriptor, Digest, ImageRef, Manifest, PinnedRef } from '../../core/model/index.ts';
import { createAuthorizer } from './authorization.ts';
import { readBlob } from './blob.ts';
import type { Begin } from './call.ts';
import { endpointOf } from './endpoint.ts';
import { openConnections, type RequestEvent } from './exchange.ts';
import type { Keychain } from './login.ts';
import { readManifest, readTagDigest } from './manifest.ts';
import { createPauses } from './pause.ts';
import { readFallbackTag, readReferrers } from './referrers.ts';
import { readTags } from './tags.ts';
import { createTransport, type Send } from './transport.ts';

export { broughtLogins } from './brought-logins.ts';
export type { BroughtLogins } from './brought-logins.ts';
export { anonymous, dockerDirectory, dockerKeychain } from './keychain.ts';
export type { DockerKeychainOptions } from './keychain.ts';
export type { Keychain, Login } from './login.ts';
export type { RequestEvent } from './exchange.ts';
export type { Operation } from './call.ts';

/** What a registry client is given. */
export interface RegistryOptions {
  /** Finds logins; see {@link dockerKeychain}. */
  readonly keychain: Keychain;
  /** Registries (host and port as in image names) spoken to over http. Loopback hosts always are. */
  readonly insecureHosts?: readonly string[];
  /** PEM of certificate authorities to trust besides those of the system. */
  readonly ca?: string;
  /** Most requests under way to one host at a time; further ones wait. */
  readonly concurrencyPerHost?: number;
  /** Milliseconds for one request with its body; the caller's signal bounds the whole question. */
  readonly requestTimeoutMs?: number;
  readonly userAgent?: string;
  readonly now: () => Date;
  /** Told of every request when its response begins or it fails; must not throw. */
  readonly onRequest?: (event: RequestEvent) => void;
}

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
  /** All tags in the registry's order; `undefined` when there is no such repository. */
  tags(repository: ImageRef, signal: AbortSignal): Promise<readonly string[] | undefined>;
}

/** The reads with the client's own logins, and what else a client is. */
export interface Registry extends RegistryReads {
  /**
   * The same reads with other logins, over the same connections. `scope` names the logins (see `BroughtLogins.scopeOf`): tokens
   * are shared within a scope and never beyond it.
   */
  as(login: { readonly scope: string; readonly keychain: Keychain }): RegistryReads;
  /** Drops all connections; questions under way fail. */
  close(): Promise<void>;
}

/** Requests to one host at a time: what browsers use, and far from what makes registries slow clients down. */
export const DEFAULT_CONCURRENCY_PER_HOST = 8;
/** Time for one request, in milliseconds: an admission has ten seconds in all. */
export const DEFAULT_REQUEST_TIMEOUT_MS = 5_000;
/** Sets of logins whose tokens are kept: beyond it the least used ones log in again. */
const MAX_SCOPES = 500;
/** How the client names itself. */
export const DEFAULT_USER_AGENT = 'pratique';

/** Makes a registry client. It holds connections, tokens and logins until `close()`. */
export function createRegistry(options: RegistryOptions): Registry {
  const { keychain, now, ca, onRequest } = options;
  const { exchange, close } = openConnections({
    ca,
    onRequest,
    concurrencyPerHost: options.concurrencyPerHost ?? DEFAULT_CONCURRENCY_PER_HOST,
    requestTimeoutMs: options.requestTimeoutMs ?? DEFAULT_REQUEST_TIMEOUT_MS,
    userAgent: options.userAgent ?? DEFAULT_USER_AGENT,
  });
  const closing = new AbortController();
  const pauses = createPauses(now);
  const begin: Begin = (operation, doing, ref, signal) => ({
    operation,
    doing,
    signal,
    repository: ref.repository,
    endpoint: endpointOf(ref.registry, options.insecureHosts ?? []),
  });
  const readsWith = (logins: Keychain): RegistryReads => {
    const authorizer = createAuthorizer({ keychain: logins, exchange, now, closed: closing.signal });
    return readsOver(createTransport({ exchange, authorizer, pauses }), begin);
  };
  const views = new LRUCache<string, RegistryReads>({ max: MAX_SCOPES });
  return {
    ...readsWith(keychain),
    as: ({ scope, keychain: logins }) => {
      const view = views.get(scope) ?? readsWith(logins);
      views.set(scope, view);
      return view;
    },
    close: async () => {
      closing.abort();
      await close();
    },
  };
}

function readsOver(send: Send, begin: Begin): RegistryReads {
  return {
    manifest: (ref, signal) =>
      readManifest(send, begin('manifest', `read manifest of ${formatReference(ref)}`, ref, signal), ref),
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
    tags: (repository, signal) =>
      readTags(send, begin('tags', `list tags of ${nameOf(repository)}`, repository, signal)),
  };
}
