import type { Clock } from '../../core/model/index.ts';
import { discoverKeys, type KeySet } from './discover.ts';
import { fault } from './fault.ts';
import type { Fetch } from './read-json.ts';

/** Milliseconds that keys are believed: a key that its issuer gives up is good for no longer. */
export const KEYS_MS = 10 * 60_000;
/** Milliseconds between two requests for the keys of one issuer, when tokens name one that is not there: anybody can send those. */
export const COOL_DOWN_MS = 30_000;
/** Milliseconds after a failure during which an issuer is not asked again. */
export const FAILURE_MS = 2_000;
/** Milliseconds for both documents of an issuer: less than a caller waits. */
const FETCH_MS = 3_000;
/** Most callers that wait for one issuer; each of them holds a request open. */
const MAX_WAITING = 256;

/** The keys of an issuer, and the moment they were asked for, in milliseconds since 1970. */
export interface Held {
  readonly keys: KeySet;
  readonly at: number;
}

/** The keys of issuers. Both throw a `Fault` when they cannot be had, or not before the signal fires. */
export interface KeySets {
  /** The ones that are remembered, or fresh ones. */
  of(issuer: string, signal: AbortSignal): Promise<Held>;
  /** Fresh ones because `held` does not do; `undefined` when it is too early to ask again. */
  newer(issuer: string, held: Held, signal: AbortSignal): Promise<Held | undefined>;
}

interface Entry {
  held?: Held;
  failure?: { readonly error: unknown; readonly at: number };
  loading?: Promise<Held>;
  waiting: number;
}

/** Remembers keys, one set for each issuer that was ever asked for; those stand in settings. */
export function createKeySets(fetch: Fetch, clock: Clock): KeySets {
  const entries = new Map<string, Entry>();

  /** Within so many milliseconds; a clock that was set back makes nothing last. */
  const within = (at: number, ms: number): boolean => {
    const age = clock().getTime() - at;
    return age >= 0 && age < ms;
  };
  const entryOf = (issuer: string): Entry => {
    const entry = entries.get(issuer) ?? { waiting: 0 };
    entries.set(issuer, entry);
    return entry;
  };
  const load = async (issuer: string, entry: Entry): Promise<Held> => {
    const at = clock().getTime();
    try {
      // Its own time, not that of the caller who happens to be first.
      const keys = await discoverKeys({ fetch, issuer, signal: AbortSignal.timeout(FETCH_MS) });
      entry.held = { keys, at };
      return entry.held;
    } catch (error) {
      entry.failure = { error, at: clock().getTime() };
      throw error;
    } finally {
      delete entry.loading;
    }
  };
  const fresh = async (issuer: string, entry: Entry, signal: AbortSignal): Promise<Held> => {
    if (entry.failure && within(entry.failure.at, FAILURE_MS)) throw entry.failure.error;
    if (entry.waiting >= MAX_WAITING) throw fault(issuer, 'too many callers wait for them already');
    entry.waiting += 1;
    entry.loading ??= load(issuer, entry);
    try {
      return await Promise.race([entry.loading, aborted(issuer, signal)]);
    } finally {
      entry.waiting -= 1;
    }
  };

  return {
    of: async (issuer, signal) => {
      const entry = entryOf(issuer);
      const { held } = entry;
      return held && within(held.at, KEYS_MS) ? held : fresh(issuer, entry, signal);
    },
    newer: async (issuer, held, signal) => {
      const entry = entryOf(issuer);
      // Somebody else has asked meanwhile.
      if (entry.held && entry.held.at > held.at) return entry.held;
      return within(held.at, COOL_DOWN_MS) ? undefined : fresh(issuer, entry, signal);
    },
  };
}

function aborted(issuer: string, signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  const late = (): void => reject(fault(issuer, 'they did not come in time'));
  if (signal.aborted) late();
  else signal.addEventListener('abort', late, { once: true });
  return promise;
}
