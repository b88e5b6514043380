import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, ProxyAgent, request, type Dispatcher } from 'undici';
import { errorCode } from '../../../core/model/index.ts';
import type { JobOutcome } from '../../../core/model/index.ts';
import type { LargeAnswer } from '../../../core/workload/index.ts';
import { discard, wasReset } from '../../http/index.ts';
import { unlessAborted } from '../../io/index.ts';
import type { Login, Logins } from '../login.ts';
import { fault, faultOfError } from './fault.ts';

/** One finished or failed request, for counting; a call that is sent again counts again. */
export interface RequestEvent {
  /** As in RBAC: `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`. */
  readonly verb: Verb;
  /** `pods`, `imagepolicies/status`. */
  readonly resource: string;
  /** The HTTP status; `undefined` when there was no response. */
  readonly status: number | undefined;
  /** Milliseconds to the head of the response. */
  readonly ms: number;
}

/** Reads large JSON beside this thread, and leaves out what is not read of it; never rejects. */
export type ParseElsewhere = (
  json: string,
  weight: { readonly bytes: number; readonly owner: string },
) => Promise<JobOutcome<LargeAnswer>>;

export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete';

export interface Ask {
  readonly verb: Verb;
  readonly resource: string;
  /** For faults: `get secrets acme/pull`. */
  readonly doing: string;
  readonly path: string;
  /** As the answer is to be; absent = whole objects. */
  readonly accept?: string;
  readonly body?: string;
  /** Of the body. */
  readonly contentType?: string;
  /** The caller's. */
  readonly caller: AbortSignal | undefined;
  /** Ends the call: the caller's signal and the deadline. */
  readonly signal: AbortSignal;
}

/** One response, its body not yet read: every answer is read to its end or destroyed. */
export interface Answer {
  readonly status: number;
  readonly headers: Dispatcher.ResponseData['headers'];
  readonly body: Dispatcher.ResponseData['body'];
  /** What must not be repeated in a message. */
  readonly secret: string | undefined;
  /** Absent = everything is parsed on this thread, whole. */
  readonly parseElsewhere: ParseElsewhere | undefined;
}

/** What a client does beside its requests. */
export interface ExchangeOptions {
  /** Called for every request sent. */
  readonly onRequest?: (event: RequestEvent) => void;
  readonly parseElsewhere?: ParseElsewhere;
}

/** Sends a call: login, one fresh login after a 401, pauses the server asks for. Any final status is an answer. */
export type Exchange = (ask: Ask) => Promise<Answer>;

const METHODS = {
  get: 'GET',
  list: 'GET',
  watch: 'GET',
  create: 'POST',
  update: 'PUT',
  patch: 'PATCH',
  delete: 'DELETE',
} as const;
/** Times a call is sent again because the server asked for a pause; APF lets a client in after one or two. */
const MAX_PAUSES = 4;

/** Opens no connection yet; `close` cuts all of them. */
export function createExchange(
  server: string,
  userAgent: string,
  logins: Logins,
  { onRequest, parseElsewhere }: ExchangeOptions = {},
): { readonly exchange: Exchange; readonly close: () => Promise<void> } {
  const pools = createPools();
  const exchange: Exchange = (ask) =>
    patient(ask).catch((error: unknown) => {
      throw faultOfError(ask.doing, error, ask.caller);
    });
  return { exchange, close: pools.close };

  /** Waits as often and as long as the server asks, within bounds. */
  async function patient(ask: Ask): Promise<Answer> {
    for (let pauses = 0; ; pauses += 1) {
      const answer = await loggedIn(ask);
      const ms = pauseAfter(answer);
      if (ms === undefined || pauses === MAX_PAUSES) return answer;
      await discard(answer);
      await sleep(ms, undefined, { signal: ask.signal });
    }
  }

  async function loggedIn(ask: Ask): Promise<Answer> {
    const login = await obtain(ask, () => logins.current());
    const answer = await steady(ask, login);
    if (answer.status !== 401) return answer;
    const other = await obtain(ask, () => logins.renew(login));
    if (other === undefined) return answer;
    await discard(answer);
    return steady(ask, other);
  }

  /** One request; a read that met a connection just closed is sent once more. */
  async function steady(ask: Ask, login: Login): Promise<Answer> {
    const pool = pools.of(login);
    try {
      return await once(ask, login, pool);
    } catch (error) {
      if (ask.caller?.aborted === true) throw error;
      logins.doubt();
      if (ask.signal.aborted) pools.abandon(pool);
      if (ask.signal.aborted || METHODS[ask.verb] !== 'GET' || !wasReset(error)) throw error;
      return once(ask, login, pools.of(login));
    }
  }

  async function once(ask: Ask, login: Login, pool: Pool): Promise<Answer> {
    const began = performance.now();
    const count = (status: number | undefined): void =>
      onRequest?.({ verb: ask.verb, resource: ask.resource, status, ms: performance.now() - began });
    try {
      const { statusCode, headers, body } = await request(`${server}${ask.path}`, {
        dispatcher: ask.verb === 'watch' ? pool.watches : pool.calls,
        method: METHODS[ask.verb],
        headers: {
          ...login.headers,
          accept: ask.accept ?? 'application/json',
          'accept-encoding': 'identity', // a small body may unpack to anything
          'user-agent': userAgent,
          'content-type': ask.contentType,
        },
        signal: ask.signal,
        body: ask.body,
      });
      count(statusCode);
      return {
        status: statusCode,
        headers,
        body,
        secret: login.headers.authorization?.replace(/^\S+\s+/, ''),
        parseElsewhere,
      };
    } catch (error) {
      count(undefined);
      throw error;
    }
  }
}

/** A login, but no longer than the call may take: a plugin that hangs must not hang us. */
async function obtain<T>({ doing, signal }: Ask, login: () => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  return unlessAborted(login(), signal, () => signal.reason as Error).catch((error: unknown) => {
    if (signal.aborted) throw error;
    // Not the error's own words: those of a plugin may be anything it printed.
    const code = errorCode(error);
    const detail = `the login of this client cannot be read${code && ` (${code})`}`;
    throw fault(doing, 'ClusterUnavailable', detail);
  });
}

/** Longest pause of one call for the server's convenience, in milliseconds; a longer one is the caller's to make. */
const MAX_PAUSE_MS = 10_000;
/** Milliseconds for a 429 that names no time: what the API server names nearly always. */
const USUAL_PAUSE_MS = 1_000;

/** How long the server asks to wait before the call is sent again; `undefined` when it is an answer as it is. */
function pauseAfter({ status, headers }: Answer): number | undefined {
  if (status !== 429 && status !== 503) return undefined;
  const value = headers['retry-after'];
  const asked =
    typeof value === 'string' && /^\d{1,6}$/.test(value.trim()) ? Number(value) * 1_000 : undefined;
  const ms = asked ?? (status === 429 ? USUAL_PAUSE_MS : Infinity);
  return ms > MAX_PAUSE_MS ? undefined : ms;
}

/** The connections to one API server. Watches have their own, since each keeps one busy for minutes. */
interface Pool {
  readonly calls: Dispatcher;
  readonly watches: Dispatcher;
}

/** Connections for calls; more wait for one of them. An API server serves a client of ours next to hundreds of others. */
const CALL_CONNECTIONS = 16;
/** Connections for watches: several times what one process watches. */
const WATCH_CONNECTIONS = 64;
/** Milliseconds to connect, on a network that belongs to the cluster. */
const CONNECT_MS = 10_000;
/** Milliseconds of silence after which TCP asks whether the other side still lives; load balancers forget after 60 s. */
const KEEP_ALIVE_PROBE_MS = 30_000;

/** Pools of connections, one for each way of connecting. */
function createPools() {
  let current: { readonly fingerprint: string; readonly pool: Pool } | undefined;
  const open = new Set<Dispatcher>();

  function openPool(login: Login): Pool {
    const pool = {
      calls: openDispatcher(login, CALL_CONNECTIONS),
      watches: openDispatcher(login, WATCH_CONNECTIONS),
    };
    open.add(pool.calls).add(pool.watches);
    return pool;
  }

  function retire(pool: Pool): void {
    for (const dispatcher of [pool.calls, pool.watches]) {
      void dispatcher.close().then(() => open.delete(dispatcher));
    }
  }

  return {
    /** The pool for a login; the one before it is closed as soon as what runs on it has ended. */
    of: (login: Login): Pool => {
      if (current?.fingerprint === login.fingerprint) return current.pool;
      if (current !== undefined) retire(current.pool);
      current = { fingerprint: login.fingerprint, pool: openPool(login) };
      return current.pool;
    },
    /** After a deadline: the connections may be dead unnoticed, so the next call makes new ones. */
    abandon: (pool: Pool): void => {
      if (current?.pool !== pool) return; // another call was faster
      retire(pool);
      current = undefined;
    },
    close: async (): Promise<void> => {
      await Promise.all([...open].map((dispatcher) => dispatcher.destroy()));
    },
  };
}

function openDispatcher({ tls, proxyUrl }: Login, connections: number): Dispatcher {
  const options = {
    connections,
    allowH2: false, // one session for everything has no PING here: one that hangs would stall every call
    headersTimeout: 0, // the signal of each call bounds head and body together
    bodyTimeout: 0,
  };
  const socket = { timeout: CONNECT_MS, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_PROBE_MS };
  if (proxyUrl === undefined) return new Agent({ ...options, connect: { ...socket, ...tls } });
  return new ProxyAgent({ ...options, uri: proxyUrl, requestTls: { ...socket, ...tls }, connect: socket });
}
