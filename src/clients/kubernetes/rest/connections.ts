import { Agent, ProxyAgent, type Dispatcher } from 'undici';
import type { Login } from '../login.ts';

/** The connections to one API server. Watches have their own, since each keeps one busy for minutes. */
export interface Pool {
  readonly calls: Dispatcher;
  readonly watches: Dispatcher;
}

/** Pools of connections, one for each way of connecting. */
export interface Pools {
  /** The pool for a login; the one before it is closed as soon as what runs on it has ended. */
  of(login: Login): Pool;
  /** After a deadline: the connections may be dead unnoticed, so the next call makes new ones. */
  abandon(pool: Pool): void;
  /** Cuts everything. */
  close(): Promise<void>;
}

/** Connections for calls; more wait for one of them. An API server serves a client of ours next to hundreds of others. */
const CALL_CONNECTIONS = 16;
/** Connections for watches: several times what one process watches. */
const WATCH_CONNECTIONS = 64;
/** Milliseconds to connect, on a network that belongs to the cluster. */
const CONNECT_MS = 10_000;
/** Milliseconds of silence after which TCP asks whether the other side still lives; load balancers forget after 60 s. */
const KEEP_ALIVE_PROBE_MS = 30_000;

/** Makes no connection yet. */
export function createPools(): Pools {
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
    of: (login) => {
      if (current?.fingerprint === login.fingerprint) return current.pool;
      if (current !== undefined) retire(current.pool);
      current = { fingerprint: login.fingerprint, pool: openPool(login) };
      return current.pool;
    },
    abandon: (pool) => {
      if (current?.pool !== pool) return; // another call was faster
      retire(pool);
      current = undefined;
    },
    close: async () => {
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
