import { lookup } from 'node:dns/promises';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../core/model/index.ts';
import { createMemo } from '../io/index.ts';

/** Finds all addresses of a name; rejects with the error of DNS when there are none. */
export type Resolve = (hostname: string) => Promise<readonly string[]>;

/** How long addresses are used before they are asked for again, in milliseconds: bursts ask once, and moves count soon. */
const LIFETIME_MS = 10_000;
/** How long they are used when DNS fails, in milliseconds: an outage of DNS is no outage of registries. */
const STALE_MS = 5 * 60_000;
/** Names whose addresses are remembered. */
const MAX_NAMES = 1_000;

/** By the resolver of the operating system, hosts file included. */
const system: Resolve = async (hostname) =>
  (await lookup(hostname, { all: true, order: 'verbatim' })).map(({ address }) => address);

/** The addresses of names, remembered for seconds. */
export interface Addresses {
  /** Each name is looked up once for all who need it. */
  readonly of: Resolve;
  /** Whether no look-up is needed for a name. */
  readonly knows: (hostname: string) => boolean;
}

/** Makes an empty memory of addresses. */
export function rememberAddresses(now: Clock, resolve: Resolve = system): Addresses {
  const fresh = createMemo<readonly string[]>(now, { max: MAX_NAMES });
  const last = new LRUCache<string, { readonly addresses: readonly string[]; readonly at: number }>({
    max: MAX_NAMES,
  });
  const addressesOf: Resolve = async (hostname) => {
    const known = fresh.known(hostname);
    if (known) return known.value;
    try {
      return await fresh.learn(hostname, async () => {
        const addresses = await resolve(hostname);
        const at = now().getTime();
        last.set(hostname, { addresses, at });
        return { value: addresses, until: new Date(at + LIFETIME_MS) };
      });
    } catch (error) {
      const old = last.get(hostname);
      if (old && now().getTime() - old.at < STALE_MS) return old.addresses;
      throw error;
    }
  };
  return { of: addressesOf, knows: (hostname) => fresh.known(hostname) !== undefined };
}
