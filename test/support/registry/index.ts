// An OCI registry in memory on a random loopback port, for tests, the demo and benchmarks: a good one by default, and as
// bad as its `intercept` makes it. It implements enough of the distribution spec 1.1 for real clients to push and pull.
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createGuard, type AuthOptions, type Guard } from './auth.ts';
import { requestOf, send, type Hangup, type RawReply, type RegistryRequest, type Reply } from './http.ts';
import type { ListingOptions } from './manifests.ts';
import { route } from './routes.ts';
import { copyOf, type Store } from './store.ts';

export type { AuthOptions } from './auth.ts';
export type { Hangup, RawReply, RegistryRequest, Reply } from './http.ts';

/**
 * Answers in place of the registry; `undefined` = the registry answers. `handle` is the registry itself: it can be given
 * something else than what arrived, and its answer changed.
 */
export type Intercept = (
  request: RegistryRequest,
  handle: (request: RegistryRequest) => Promise<Reply>,
) => Intercepted | Promise<Intercepted>;
type Intercepted = Reply | RawReply | Hangup | undefined;

/** Options of a registry. All optional: a good registry without login over http. */
export interface RegistryOptions extends Partial<ListingOptions> {
  readonly auth?: AuthOptions;
  /** Milliseconds before each answer. */
  readonly latencyMs?: number;
  /** PEM; enables https. */
  readonly tls?: { readonly key: string; readonly cert: string };
  readonly intercept?: Intercept;
  /** Loopback address to listen on; `127.0.0.1` when not given. */
  readonly address?: string;
}

/** One request that was answered. */
export interface LoggedRequest {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  /** 0 when the connection was dropped. */
  readonly status: number;
  /** Whether it carried an `Authorization` header. */
  readonly authorized: boolean;
}

/** A running registry. */
export interface EmbeddedRegistry {
  /** Host and port, as in image names. */
  readonly host: string;
  /** With the scheme, without a slash at the end. */
  readonly url: string;
  /** Everything answered since the start or the last {@link EmbeddedRegistry.reset}, in the order of arrival. */
  readonly requests: readonly LoggedRequest[];
  /** Since the start: most connections open at a time, and bytes written to all of them. */
  traffic(): { readonly connections: number; readonly bytes: number };
  /** Sets (or with `undefined` removes) a function that answers in its place. */
  intercept(intercept: Intercept | undefined): void;
  /** Milliseconds before each answer from now on. */
  latency(ms: number): void;
  /** Invalidates all issued tokens. */
  revokeTokens(): void;
  /** Clears the log of requests. */
  forgetLog(): void;
  /** A copy of everything it has at this moment. */
  content(): Store;
  /** Clears content, log and intercept, but keeps running; with this content, which stays as it is, when given. */
  reset(content?: Store): void;
  close(): Promise<void>;
}

/** Starts a registry; it is ready when the promise resolves. */
export async function startRegistry(options: RegistryOptions = {}): Promise<EmbeddedRegistry> {
  const store: Store = new Map();
  const requests: LoggedRequest[] = [];
  let { intercept, latencyMs = 0 } = options;
  const guard: Guard = createGuard(options.auth ?? { kind: 'none' }, () => url);
  const listing: ListingOptions = { referrersApi: true, listing: 'full', tagDelete: true, ...options };

  const answer = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const request = requestOf(incoming, url);
    if (latencyMs > 0) await sleep(latencyMs);
    const handle = (one: RegistryRequest): Promise<Reply> => route({ store, guard, listing }, one);
    const reply = (await intercept?.(request, handle)) ?? (await handle(request));
    requests.push({
      method: request.method,
      path: request.url.pathname + request.url.search,
      status: typeof reply === 'object' && 'status' in reply ? reply.status : 0,
      authorized: request.headers.authorization !== undefined,
    });
    if (reply === 'hang up') outgoing.destroy();
    else if ('raw' in reply) {
      if (outgoing.socket) reply.raw(outgoing.socket);
    } else await send(reply, outgoing, request.method);
  };
  const listener: RequestListener = (incoming, outgoing) => {
    answer(incoming, outgoing).catch(() => outgoing.destroy());
  };
  const server = options.tls ? createTlsServer(options.tls, listener) : createServer(listener);
  const traffic = countTraffic(server);
  const address = options.address ?? '127.0.0.1';
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, address, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const host = `${address.includes(':') ? `[${address}]` : address}:${String(port)}`;
  const url = `${options.tls ? 'https' : 'http'}://${host}`;

  return {
    host,
    url,
    requests,
    traffic,
    intercept: (next) => {
      intercept = next;
    },
    latency: (ms) => {
      latencyMs = ms;
    },
    revokeTokens: guard.revoke,
    forgetLog: () => {
      requests.length = 0;
    },
    content: () => copyOf(store),
    reset: (content = new Map()) => {
      store.clear();
      for (const [name, repository] of copyOf(content)) store.set(name, repository);
      requests.length = 0;
      intercept = options.intercept;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

function countTraffic(server: ReturnType<typeof createServer>): EmbeddedRegistry['traffic'] {
  const open = new Set<Socket>();
  let [connections, written] = [0, 0];
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    connections = Math.max(connections, open.size);
    socket.once('close', () => {
      open.delete(socket);
      written += socket.bytesWritten;
    });
  });
  return () => ({ connections, bytes: [...open].reduce((sum, one) => sum + one.bytesWritten, written) });
}
