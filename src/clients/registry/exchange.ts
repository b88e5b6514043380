import { Readable } from 'node:stream';
import { createSecureContext, getCACertificates } from 'node:tls';
import { LRUCache } from 'lru-cache';
import { Pool, request, type Dispatcher } from 'undici';
import { Unreachable, wasGarbled, type AddressKind, type ProxyServer, type Reach } from '../http/index.ts';
import { unlessAborted } from '../io/index.ts';
import type { Answer, Ask, Call, Operation, StreamBody } from './call.ts';
import { fault, faultOfError } from './fault.ts';
import type { Release, TakeSlots } from './slots.ts';

/** Sends one request and awaits the head of its response. Follows nothing, retries nothing; throws Faults. */
export type Exchange = (call: Call, ask: Ask) => Promise<Answer>;

/** One finished or failed request, for counting. */
export interface RequestEvent {
  readonly host: string;
  readonly operation: Operation;
  /** The HTTP status, or `error` when there was no response. */
  readonly code: string;
}

export interface ConnectionOptions {
  /** PEM of certificate authorities to trust besides those of the system. */
  readonly ca?: string;
  /** Most requests under way to one host at a time; further ones wait. */
  readonly concurrencyPerHost?: number;
  /** Most blobs on their way to or from one host at a time. */
  readonly transfersPerHost?: number;
  /** Milliseconds for one request with its body; the caller's signal bounds the whole question. */
  readonly requestTimeoutMs?: number;
  /** Milliseconds without a byte after which a transfer or another write is given up; it has no other limit but the signal. */
  readonly stallMs?: number;
  readonly userAgent?: string;
  /** Called for every request when its response begins or it fails; must not throw. */
  readonly onRequest?: (event: RequestEvent) => void;
}

/** Requests to one host at a time, as the settings have it: an index of four platforms is asked for in one round trip. */
const DEFAULT_CONCURRENCY_PER_HOST = 16;
/**
 * Blobs on their way from or to one host: an owner alone gets three quarters, 17, which with an upload's usual three round trips fill
 * most lines.
 */
export const DEFAULT_TRANSFERS_PER_HOST = 22;
/** Questions under way to all hosts together: connections are files of the process, and each may hold an answer of some MiB. */
const MAX_QUESTIONS = 256;
/**
 * Hosts to which connections are kept, for each kind of pool: more than a cluster has registries. The one not used for longest
 * is closed as soon as what is under way is answered. So no more connections are open than this many times those to one host.
 */
export const MAX_OPEN_HOSTS = 128;
/** Longest that a connection is kept which is not used, in milliseconds, also if its host asks for longer. */
const MAX_IDLE_MS = 30_000;
/**
 * Names looked up at a time: Node has four threads for this, and a name server that is silent keeps one for many seconds,
 * whatever the caller's deadline. Names that are remembered need none.
 */
const LOOKUPS = { name: 'lookups', slots: 4, forAdmissions: true, ofProcess: true };
/** Time for one request, in milliseconds: an admission has ten seconds in all. */
const DEFAULT_REQUEST_TIMEOUT_MS = 5_000;
/** Longest silence in a transfer, in milliseconds: registries take their time to store what has arrived. */
const DEFAULT_STALL_MS = 60_000;

/** Statuses that send a request elsewhere (RFC 9110 §15.4). */
export const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/**
 * Opens the pools of connections; what finds none free waits. Questions, downloads and writes each have their own: layers on
 * their way must not hold up an admission, and a download waits for the upload that drinks from it, which therefore must
 * never wait for a connection that a download holds.
 */
export function openConnections(
  options: ConnectionOptions,
  { reach, takeSlots }: { readonly reach: Reach; readonly takeSlots: TakeSlots },
): {
  readonly exchange: Exchange;
  readonly close: () => Promise<void>;
} {
  const { onRequest, userAgent = 'pratique', transfersPerHost = DEFAULT_TRANSFERS_PER_HOST } = options;
  const { stallMs = DEFAULT_STALL_MS, requestTimeoutMs = DEFAULT_REQUEST_TIMEOUT_MS } = options;
  const open = poolsOf(reach, options.ca, requestTimeoutMs);
  const pool = (name: string, slots: number) => ({ name, slots, ...open(slots) });
  const questions = pool('questions', options.concurrencyPerHost ?? DEFAULT_CONCURRENCY_PER_HOST);
  const downloads = pool('downloads', transfersPerHost);
  const writes = pool('writes', transfersPerHost);
  const poolOf = ({ operation, access }: Call): typeof questions => {
    if (operation === 'download') return downloads;
    return access === 'pull' ? questions : writes;
  };
  /** Each host has its slots; questions share those of the process besides, so that many hosts are not too many. */
  const slotFor = (call: Call, { origin }: URL): Promise<Release> => {
    const { name, slots } = poolOf(call);
    const forAdmissions = name === questions.name;
    const ofProcess = forAdmissions ? [{ name, slots: MAX_QUESTIONS, forAdmissions, ofProcess: true }] : [];
    return takeSlots(call, { name: `${name} ${origin}`, slots, forAdmissions }, ...ofProcess);
  };
  /**
   * A question is bounded as a whole, head and body together, until it is released; a patient call only in how long nothing moves.
   * `AbortSignal.timeout` would keep what belongs to a question until it fires, long after the answer.
   */
  const limitsOf = ({ patient, signal }: Call, leave: Release): { limits: Limits; release: Release } => {
    if (patient) return { limits: { signal, headersTimeout: stallMs, bodyTimeout: stallMs }, release: leave };
    const late = new AbortController();
    const timer = setTimeout(() => {
      late.abort(new DOMException('no whole answer came in time', 'TimeoutError'));
    }, requestTimeoutMs).unref();
    const release = (): void => {
      clearTimeout(timer);
      leave();
    };
    return { limits: { signal: AbortSignal.any([signal, late.signal]) }, release };
  };
  /** Where it is connected to is decided before anything waits or is sent. */
  const judged = async (call: Call, { url, sender, isForeign }: Ask): Promise<Way> => {
    const { hostname, host } = url;
    const { hostname: own } = call.endpoint;
    const proxy = reach.proxies?.of(url);
    const isProxied = proxy !== undefined;
    const judge = () => {
      if (isForeign) return reach.foreign(hostname, isProxied);
      return hostname === own
        ? reach.named(hostname, isProxied)
        : reach.sentBy(sender ?? own, hostname, isProxied);
    };
    const isKnown = isProxied || [hostname, sender ?? own].every(reach.isKnown);
    const kind = isKnown ? judge() : lookUp(call, judge);
    return kind
      .then((found) => ({ kind: found, proxy }))
      .catch((error: unknown) => {
        if (!(error instanceof Unreachable)) throw faultOfError(call, host, error);
        const isOwn = hostname === own && !isForeign;
        throw fault(call, isOwn ? 'AddressRefused' : 'UntrustedEndpoint', error.message);
      });
  };
  const lookUp = async (call: Call, judge: () => Promise<AddressKind>): Promise<AddressKind> => {
    const signal = AbortSignal.any([call.signal, AbortSignal.timeout(requestTimeoutMs)]);
    const release = await takeSlots({ ...call, signal }, LOOKUPS);
    const kind = judge();
    kind.then(release, release); // no sooner: the thread is busy after the caller has left
    return unlessAborted(kind, signal, () => signal.reason as Error);
  };
  const garbling = new LRUCache<string, true>({ max: MAX_OPEN_HOSTS });
  const exchange: Exchange = async (call, ask) => {
    const { method, url, headers, body } = ask;
    const { host, origin } = url;
    const count = (code: string): void => {
      onRequest?.({ host, operation: call.operation, code });
      call.onRequest?.();
    };
    const length = isStream(body) ? { 'content-length': String(body.length) } : {};
    const way = await judged(call, ask);
    const { limits, release } = limitsOf(call, await slotFor(call, url));
    try {
      const response = await request(url, {
        dispatcher: poolOf(call).to(url, way),
        opaque: release,
        method,
        ...(keepsAfterHead(call, ask) && !garbling.has(origin) && { reset: false }),
        headers: { 'user-agent': userAgent, 'accept-encoding': 'identity', ...headers, ...length },
        // A stream is pulled from no faster than the connection takes what comes.
        body: isStream(body) ? Readable.from(body.open(), { objectMode: false }) : body,
        ...limits,
      });
      count(String(response.statusCode));
      return { status: response.statusCode, headers: response.headers, body: response.body, url };
    } catch (error) {
      release();
      count('error');
      if (wasGarbled(error)) garbling.set(origin, true);
      throw faultOfError(call, host, error);
    }
  };
  return {
    exchange,
    close: async () => {
      await Promise.all([questions, downloads, writes].map((pools) => pools.destroy()));
    },
  };
}

/**
 * Calls back `opaque` when a request has left its connection: its answer is read to the end, or broken off. Not at once: until the
 * end of this turn of the event loop the connection counts as taken, and the next request would open another one.
 */
const releasing: Dispatcher.DispatcherComposeInterceptor = (dispatch) => (options, handler) => {
  const { opaque } = options as { readonly opaque?: Release };
  const onEnd = () => opaque && setImmediate(opaque);
  const watching: typeof handler = {
    onRequestStart: (...given) => handler.onRequestStart?.(...given),
    onResponseStart: (...given) => handler.onResponseStart?.(...given),
    onResponseData: (...given) => handler.onResponseData?.(...given),
    onResponseEnd: (...given) => {
      onEnd();
      return handler.onResponseEnd?.(...given);
    },
    onResponseError: (...given) => {
      onEnd();
      return handler.onResponseError?.(...given);
    },
  };
  return dispatch(options, watching);
};

/**
 * Whether the connection stays open after a HEAD. By itself undici closes it, because servers that send a body all the same would
 * answer the next request with it. Of a tag that body is JSON, which no parser takes for an answer. A blob could be one, and so could
 * anything to which a registry redirects. Where such a body was met, connections are not kept either.
 */
function keepsAfterHead({ operation }: Call, { method, sender }: Ask): boolean {
  return method === 'HEAD' && operation === 'tag' && sender === undefined;
}

type Limits = Pick<Dispatcher.RequestOptions, 'headersTimeout' | 'bodyTimeout' | 'signal'>;

/** How a host is reached: the kind of its addresses, and the proxy before it. */
interface Way {
  readonly kind: AddressKind;
  readonly proxy: ProxyServer | undefined;
}

/** The connections of one kind. */
interface Pools {
  readonly to: (url: URL, way: Way) => Dispatcher;
  readonly destroy: () => Promise<void>;
}

/** Connections to one host, and what sends requests over them. */
interface Open {
  readonly pool: Pool;
  readonly dispatcher: Dispatcher;
}

function poolsOf(reach: Reach, ca: string | undefined, timeout: number): (connections: number) => Pools {
  // Made once: parsing all the system's roots anew for each connection costs tens of milliseconds.
  const secureContext =
    (ca ?? '') === '' ? undefined : createSecureContext({ ca: [...getCACertificates('default'), ca ?? ''] });
  return (connections) => {
    const all = new Set<Pool>();
    const limits = {
      connections,
      allowH2: false, // one request per connection keeps the cap honest and aborts cheap
      headersTimeout: 0, // the limits of each request say what holds
      bodyTimeout: 0,
      keepAliveMaxTimeout: MAX_IDLE_MS,
    };
    const openDirect = (origin: string, kind: AddressKind): Open => {
      // The name stays the name of the certificate; the addresses are those that were judged.
      const pool = new Pool(origin, {
        ...limits,
        connect: { timeout, secureContext, lookup: reach.lookup(kind) },
      });
      return { pool, dispatcher: pool };
    };
    const open = (origin: string, { kind, proxy }: Way): Open => {
      const how = { timeout, secureContext, lookup: reach.lookup(), options: limits };
      const { pool, dispatcher } = proxy?.open(origin, how) ?? openDirect(origin, kind);
      all.add(pool);
      return { pool, dispatcher: dispatcher.compose(releasing) };
    };
    const close = async (pool: Pool): Promise<void> => {
      await pool.close().catch(() => undefined); // it was destroyed meanwhile
      all.delete(pool);
    };
    const kept = new LRUCache<string, Open>({
      max: MAX_OPEN_HOSTS,
      dispose: ({ pool }) => void close(pool),
    });
    return {
      // A connection that was made under one judgement is not used under another.
      to: ({ origin }, way) => {
        const key = `${way.proxy ? 'proxied' : way.kind} ${origin}`;
        const opened = kept.get(key) ?? open(origin, way);
        kept.set(key, opened);
        return opened.dispatcher;
      },
      destroy: async () => {
        await Promise.all([...all].map((pool) => pool.destroy()));
      },
    };
  };
}

export function isStream(body: Ask['body']): body is StreamBody {
  return typeof body === 'object' && !(body instanceof Uint8Array);
}
