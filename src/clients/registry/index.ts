// Talks to OCI registries (distribution spec 1.1): reads and writes manifests, referrers, blobs and tags, with logins,
// redirects, limits and suspicion. The only room that knows HTTP and the quirks of registries.
import { LRUCache } from 'lru-cache';
import type { Keychain } from '../../core/evidence/index.ts';
import type { TargetRegistry } from '../../core/promotion/index.ts';
import { createAuthorizer } from './auth/authorization.ts';
import { accessOf, type Begin, type Call } from './call.ts';
import { endpointOf } from './endpoint.ts';
import { openConnections, type RequestEvent } from './exchange.ts';
import { createTurns } from './fallback-tags.ts';
import { createPauses } from './pause.ts';
import { readsOver } from './reads.ts';
import { createSlots, createTransferMemory } from './transfer/transfer.ts';
import { createTransport } from './transport.ts';
import { writesOver } from './writes.ts';

export { pullSecretLogins } from './auth/pull-secret-logins.ts';
export { anonymous, dockerDirectory, dockerKeychain } from './auth/keychain.ts';
export type { RequestEvent } from './exchange.ts';

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
  /** Most blobs on their way to or from one host at a time. */
  readonly transfersPerHost?: number;
  /** Bytes of one chunk of a blob, where a registry asks for chunks or has failed to take the whole. */
  readonly chunkBytes?: number;
  /** Milliseconds without a byte after which a transfer or another write is given up; it has no other limit but the signal. */
  readonly stallMs?: number;
  readonly userAgent?: string;
  readonly now: () => Date;
  /** From 0 to before 1; sets writers of the same thing apart. */
  readonly random?: () => number;
  /** Called for every request when its response begins or it fails; must not throw. */
  readonly onRequest?: (event: RequestEvent) => void;
}

/**
 * Registries as one set of logins sees them. Every request ends with its `signal` at the latest, and throws a `Fault`:
 * `DeadlineExceeded` then, `RegistryDenied` (401, 403, no login, no right to change), `RegistryRateLimited`,
 * `RegistryUnavailable` (5xx, connection, TLS, time limit of one request), `LimitExceeded` (larger than is read or taken),
 * `UntrustedEndpoint` (redirect, token realm or next page that leads away), `RegistryMisbehaved` (any other wrong answer). A
 * plain 404 is `undefined`. Writes and downloads have no time limit but the signal and a limit on silence, and wait out the
 * pauses that a registry asks for.
 */
export interface RegistryView extends TargetRegistry {
  /** The same view, with all that it remembers, that also calls `onRequest` for each request made through it. It must not throw. */
  watched(onRequest: () => void): RegistryView;
}

/** Whose view it is, and what for. */
export interface ViewOptions {
  /** Names the logins (see `pullSecretLogins`): tokens are shared within a scope and never beyond it. */
  readonly scope: string;
  readonly keychain: Keychain;
  /** The side that Faults of its reads name; `source` when not given. Those of writes always name the target. */
  readonly side?: Call['side'];
}

/** The view with the client's own logins, and what else a client is. */
export interface Registry extends RegistryView {
  /** The same with other logins, over the same connections. */
  as(view: ViewOptions): RegistryView;
  /** Drops all connections; questions under way fail. */
  close(): Promise<void>;
}

/** Requests to one host at a time: what browsers use, and far from what makes registries slow clients down. */
export const DEFAULT_CONCURRENCY_PER_HOST = 8;
/** Time for one request, in milliseconds: an admission has ten seconds in all. */
export const DEFAULT_REQUEST_TIMEOUT_MS = 5_000;
/** Blobs on their way from or to one host: with an upload's usual three round trips, this many fill most lines. */
export const DEFAULT_TRANSFERS_PER_HOST = 16;
/** Bytes of one chunk: small enough for the proxies that limit a request, large enough that a GiB takes few of them. */
export const DEFAULT_CHUNK_BYTES = 32 * 1024 * 1024;
/** Longest silence in a transfer, in milliseconds: registries take their time to store what has arrived. */
export const DEFAULT_STALL_MS = 60_000;
/** Sets of logins whose tokens are kept: beyond it the least used ones log in again. */
const MAX_SCOPES = 500;
/** How the client names itself. */
export const DEFAULT_USER_AGENT = 'pratique';

/** Makes a registry client. It holds connections, tokens and logins until `close()`. */
export function createRegistry(options: RegistryOptions): Registry {
  const { keychain, now, ca, onRequest, random = Math.random, chunkBytes = DEFAULT_CHUNK_BYTES } = options;
  const transfersPerHost = options.transfersPerHost ?? DEFAULT_TRANSFERS_PER_HOST;
  const { exchange, close } = openConnections({
    ca,
    onRequest,
    transfersPerHost,
    concurrencyPerHost: options.concurrencyPerHost ?? DEFAULT_CONCURRENCY_PER_HOST,
    requestTimeoutMs: options.requestTimeoutMs ?? DEFAULT_REQUEST_TIMEOUT_MS,
    stallMs: options.stallMs ?? DEFAULT_STALL_MS,
    userAgent: options.userAgent ?? DEFAULT_USER_AGENT,
  });
  const closing = new AbortController();
  const pauses = createPauses(now);
  const [slots, turns] = [createSlots(transfersPerHost), createTurns()];
  const endpoint = (registry: string): Call['endpoint'] => endpointOf(registry, options.insecureHosts ?? []);
  const restMs = (registry: string): number => pauses.restMs(new URL(endpoint(registry).origin).host);
  const beginAt =
    (side: Call['side']): Begin =>
    (operation, doing, ref, signal) => ({
      ...accessOf(operation, side),
      doing,
      signal,
      repository: ref.repository,
      endpoint: endpoint(ref.registry),
    });
  const viewOf = (logins: Keychain, side: Call['side']): RegistryView => {
    const authorizer = createAuthorizer({ keychain: logins, exchange, now, closed: closing.signal });
    const send = createTransport({ exchange, authorizer, pauses });
    const memory = createTransferMemory();
    const over = (begin: Begin): RegistryView => ({
      ...readsOver(send, begin),
      ...writesOver({ send, begin, slots, turns, random, restMs, chunkBytes, memory }),
      watched: (onRequest) => over((...given) => ({ ...begin(...given), onRequest })),
    });
    return over(beginAt(side));
  };
  const views = new LRUCache<string, RegistryView>({ max: MAX_SCOPES });
  return {
    ...viewOf(keychain, 'source'),
    as: ({ scope, keychain: logins, side = 'source' }) => {
      const key = `${side} ${scope}`;
      const view = views.get(key) ?? viewOf(logins, side);
      views.set(key, view);
      return view;
    },
    close: async () => {
      closing.abort();
      await close();
    },
  };
}
