import { Agent, fetch as request, type Dispatcher } from 'undici';
import type { AddressKind } from './address.ts';
import type { Reach } from './reach.ts';

/** A GET that follows no redirect. */
interface Asked {
  readonly headers: Record<string, string>;
  readonly redirect: 'error';
  readonly credentials: 'omit';
  readonly signal: AbortSignal;
}

/**
 * The part of `fetch` that is used. `sender` is the URL of what names the address: an administrator has named it, so its own host is
 * not judged, and any other host is where it sends us.
 */
export type Fetch = (url: string, asked: Asked, sender: string) => Promise<Pick<Response, 'status' | 'body'>>;

/** Milliseconds for each step of a connection through a proxy. */
const CONNECT_MS = 5_000;

/** Makes a `fetch` that goes where the rules allow; rejects with `Unreachable` otherwise. Connections are closed when they are idle. */
export function createFetch(reach: Reach): Fetch {
  const agents = new Map<AddressKind, Agent>();
  const agentOf = (kind: AddressKind): Agent => {
    const agent = agents.get(kind) ?? new Agent({ connect: { lookup: reach.lookup(kind) } });
    agents.set(kind, agent);
    return agent;
  };
  const proxied = new Map<string, Dispatcher>();
  /** Through the proxy, where there is one for this URL. */
  const throughProxy = (url: URL): Dispatcher | undefined => {
    const server = reach.proxies?.of(url);
    const key = url.origin;
    const how = { timeout: CONNECT_MS, lookup: reach.lookup() };
    const dispatcher = proxied.get(key) ?? server?.open(key, how).dispatcher;
    if (dispatcher) proxied.set(key, dispatcher);
    return dispatcher;
  };
  return async (text, asked, sender) => {
    const [url, from] = [new URL(text), new URL(sender).hostname];
    const { hostname } = url;
    const proxy = throughProxy(url);
    if (hostname === from && !proxy) return fetch(text, asked);
    const kind = hostname === from ? undefined : await reach.sentBy(from, hostname, proxy !== undefined);
    const dispatcher = proxy ?? agentOf(kind ?? 'public');
    const { status, body } = await request(text, { ...asked, dispatcher });
    return { status, body };
  };
}
