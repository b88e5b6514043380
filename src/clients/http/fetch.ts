import { Agent, fetch as request } from 'undici';
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

/** Makes a `fetch` that goes where the rules allow; rejects with `Unreachable` otherwise. Connections are closed when they are idle. */
export function createFetch(reach: Reach): Fetch {
  const agents = new Map<AddressKind, Agent>();
  const agentOf = (kind: AddressKind): Agent => {
    const agent = agents.get(kind) ?? new Agent({ connect: { lookup: reach.lookup(kind) } });
    agents.set(kind, agent);
    return agent;
  };
  return async (url, asked, sender) => {
    const [{ hostname }, from] = [new URL(url), new URL(sender).hostname];
    if (hostname === from) return fetch(url, asked);
    const dispatcher = agentOf(await reach.sentBy(from, hostname));
    const { status, body } = await request(url, { ...asked, dispatcher });
    return { status, body };
  };
}
