import { lookup } from 'node:dns/promises';
import { setTimeout } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import pLimit from 'p-limit';
import { errorCode, type Clock } from '../../core/model/index.ts';

/** Finds all addresses of a name; rejects with the error of DNS when there are none. */
export type Resolve = (hostname: string) => Promise<readonly string[]>;

/** How long addresses are used before they are asked for again, in milliseconds: bursts ask once, and moves count soon. */
const LIFETIME_MS = 10_000;
/**
 * How long they are used while DNS does not answer, in milliseconds. The pods of a dead node, those of DNS among them, are elsewhere
 * after six minutes by default. Much later an address may belong to another host.
 */
const STALE_MS = 9 * 60_000;
/**
 * How long an answer of DNS is waited for while addresses are remembered, in milliseconds. DNS that is well answers in less, and an
 * admission of ten seconds may need several names.
 */
const PATIENCE_MS = 300;
/**
 * Remembered names that are looked up again at a time. Node looks up two names at a time, and silent DNS keeps each for many
 * seconds: the other one is for names that are new.
 */
const REFRESHES = 1;
/** How long a name that DNS does not know is not asked for again where a proxy finds it, in milliseconds: networks change seldom. */
const UNKNOWN_MS = 60_000;
/** Names whose addresses are remembered. */
const MAX_NAMES = 1_000;

/** By the resolver of the operating system, hosts file included. */
const system: Resolve = async (hostname) =>
  (await lookup(hostname, { all: true, order: 'verbatim' })).map(({ address }) => address);

/** The addresses of names, remembered for seconds, and for minutes while DNS does not answer. */
export interface Addresses {
  /** Each name is looked up once for all who need it. */
  readonly of: Resolve;
  /** The same without waiting for long, for names that need not be known here: none where DNS does not know them or is silent. Never rejects. */
  readonly soon: Resolve;
  /** Whether addresses of a name are remembered, so that DNS is not waited for. */
  readonly knows: (hostname: string) => boolean;
}

/** What {@link rememberAddresses} works with. */
export interface AddressSources {
  readonly now: Clock;
  readonly resolve?: Resolve | undefined;
  /** Resolves after so many milliseconds. */
  readonly wait?: (ms: number) => Promise<unknown>;
}

interface Known {
  readonly addresses: readonly string[];
  /** When DNS said so, in milliseconds. */
  readonly at: number;
  /** When it was last asked, with or without an answer. */
  readonly tried: number;
}

/** Makes an empty memory of addresses. */
export function rememberAddresses(sources: AddressSources): Addresses {
  const { resolve = system, wait = (ms) => setTimeout(ms, undefined, { ref: false }) } = sources;
  const now = (): number => sources.now().getTime();
  const names = new LRUCache<string, Known>({ max: MAX_NAMES });
  const lookups = new Map<string, Promise<readonly string[]>>();
  const refreshes = new Map<string, Promise<unknown>>();
  const takeTurn = pLimit(REFRESHES);

  const find = async (hostname: string): Promise<readonly string[]> => {
    try {
      const addresses = await resolve(hostname);
      names.set(hostname, { addresses, at: now(), tried: now() });
      return addresses;
    } catch (error) {
      const known = names.peek(hostname);
      // That there is no such name is an answer, too.
      if (errorCode(error) === 'ENOTFOUND') names.delete(hostname);
      else if (known) names.set(hostname, { ...known, tried: now() });
      throw error;
    }
  };
  const lookUp: Resolve = (hostname) => {
    const begin = (): Promise<readonly string[]> => {
      const begun = find(hostname);
      const forget = (): unknown => lookups.delete(hostname);
      begun.then(forget, forget);
      lookups.set(hostname, begun);
      return begun;
    };
    return lookups.get(hostname) ?? begin();
  };
  /** Looks a name up again; resolves when that has ended, or has taken longer than is waited for. Never rejects. */
  const refresh = (hostname: string): Promise<unknown> => {
    const begin = (): Promise<unknown> => {
      const ended = takeTurn(() => lookUp(hostname)).catch(() => undefined);
      void ended.then(() => refreshes.delete(hostname));
      const begun = Promise.race([ended, wait(PATIENCE_MS)]);
      refreshes.set(hostname, begun);
      return begun;
    };
    return refreshes.get(hostname) ?? begin();
  };
  const usable = (hostname: string): Known | undefined => {
    const known = names.get(hostname);
    return known && now() - known.at < STALE_MS ? known : undefined;
  };

  const of: Resolve = async (hostname) => {
    const known = usable(hostname);
    if (!known) return lookUp(hostname);
    if (now() - known.tried < LIFETIME_MS) return known.addresses;
    await refresh(hostname);
    return usable(hostname)?.addresses ?? lookUp(hostname);
  };
  const unknown = new LRUCache<string, number>({ max: MAX_NAMES });
  const none: readonly string[] = [];

  return {
    of,
    soon: async (hostname) => {
      const isUnknown = now() - (unknown.get(hostname) ?? -UNKNOWN_MS) < UNKNOWN_MS;
      if (isUnknown && !usable(hostname)) return none;
      const found = await Promise.race([of(hostname).catch(() => none), wait(PATIENCE_MS).then(() => none)]);
      if (found.length === 0) unknown.set(hostname, now());
      return found;
    },
    knows: (hostname) => usable(hostname) !== undefined,
  };
}
