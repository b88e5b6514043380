import { setTimeout as sleep } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import { header } from './answer.ts';
import type { Answer, Call } from './call.ts';
import type { Exchange } from './exchange.ts';
import { deadline, fault } from './fault.ts';

/** Longest wait for a registry's convenience, in milliseconds: an admission has a few seconds in all. */
export const MAX_WAIT_MS = 2_000;
/** Longest time a `Retry-After` keeps a host silent, in milliseconds: a registry must not switch itself off for a day. */
export const MAX_PAUSE_MS = 60_000;
/** Longest rest between images, in milliseconds; windows last hours, but one request in five minutes costs little. */
export const MAX_REST_MS = 300_000;
/** Hosts whose pauses are remembered; a pause that is forgotten costs one more request that is refused. */
const MAX_HOSTS = 1_000;
/** Logins of one host whose pauses are remembered: more than the teams that share one registry. */
const MAX_LOGINS = 200;

/** Finds the name of the login that a request counts for, without containing it; asked only where there is a pause to know of. */
type WhichLogin = () => Promise<string>;

/**
 * Delays the calls of a login to a host that asked it to slow down. Registries limit each account by itself, and anonymous
 * callers by their address: a limit of one login says nothing about another. What a registry causes elsewhere by redirects
 * counts for its own calls only.
 */
export interface Pauses {
  /** Waits out the pause of the login at the host; a Fault `RegistryRateLimited` when it is too long to wait for. */
  readonly wait: (call: Call, host: string, login: WhichLogin) => Promise<void>;
  /** Takes note of an answer: how long the registry asks to wait, when that is short enough to send it again. */
  readonly note: (call: Call, answer: Answer, login: WhichLogin) => Promise<number | undefined>;
  /** Milliseconds for which the login should begin nothing new with the registry of the call; 0 = go on. */
  readonly restMs: (call: Call, login: string) => number;
}

/** Makes the pauses of one client, which reads the time from `now`. */
export function createPauses(now: () => Date): Pauses {
  const [pauses, rests] = [createMoments(now), createMoments(now)];
  return {
    wait: async (call, host, login) => {
      if (!pauses.any(call, host)) return;
      const ms = pauses.left(call, host, await login());
      if (ms > mostWait(call))
        throw fault(call, 'RegistryRateLimited', `${host} asked for a pause that is not over`);
      if (ms > 0) await pause(call, ms);
    },
    note: async (call, answer, login) => {
      const { host } = answer.url;
      const restMs = restAfter(answer, now());
      if (restMs !== undefined) rests.set(call, host, await login(), Math.min(restMs, MAX_REST_MS));
      if (answer.status !== 429 && answer.status !== 503) return undefined;
      const delay = retryAfterMs(header(answer, 'retry-after'), now());
      if (delay === undefined) return undefined;
      // 429 is about this login and holds for all its calls; 503 may be about one backend and holds for one request.
      if (answer.status === 429) {
        const name = await login();
        pauses.set(call, host, name, Math.min(delay, MAX_PAUSE_MS));
        rests.set(call, host, name, Math.min(delay, MAX_REST_MS));
      }
      return delay <= mostWait(call) ? delay : undefined;
    },
    restMs: (call, login) => {
      const { host } = new URL(call.endpoint.origin);
      return Math.max(pauses.left(call, host, login), rests.left(call, host, login));
    },
  };
}

/** Sends single requests at the pace that the registry asks of this login; none is sent a second time. */
export function paced(exchange: Exchange, pauses: Pauses, login: string): Exchange {
  const known: WhichLogin = () => Promise.resolve(login);
  return async (call, ask) => {
    await pauses.wait(call, ask.url.host, known);
    const answer = await exchange(call, ask);
    await pauses.note(call, answer, known);
    return answer;
  };
}

/** Moments until which logins are silent, by the registry that is asked and the host that answers for it. */
interface Moments {
  readonly set: (call: Call, host: string, login: string, ms: number) => void;
  /** Milliseconds that are left; 0 = none. */
  readonly left: (call: Call, host: string, login: string) => number;
  /** Whether some login is silent there. */
  readonly any: (call: Call, host: string) => boolean;
}

function createMoments(now: () => Date): Moments {
  const memoMethod = (): LRUCache<string, number> => new LRUCache({ max: MAX_LOGINS });
  const hosts = new LRUCache<string, LRUCache<string, number>>({ max: MAX_HOSTS, memoMethod });
  const place = ({ endpoint }: Call, host: string): string => `${endpoint.origin} ${host}`;
  return {
    set: (call, host, login, ms) => {
      hosts.memo(place(call, host)).set(login, now().getTime() + ms);
    },
    left: (call, host, login) =>
      Math.max(0, (hosts.get(place(call, host))?.get(login) ?? 0) - now().getTime()),
    any: (call, host) => {
      const moments = hosts.get(place(call, host));
      return moments !== undefined && [...moments.values()].some((until) => until > now().getTime());
    },
  };
}

/** A patient call waits out every pause that is remembered. */
function mostWait({ patient }: Call): number {
  return patient ? MAX_PAUSE_MS : MAX_WAIT_MS;
}

/** Waits, at most until the caller's signal fires. */
export async function pause(call: Call, ms: number): Promise<void> {
  try {
    await sleep(ms, undefined, { signal: call.signal });
  } catch {
    throw deadline(call); // only the caller's signal ends a sleep early
  }
}

/** Milliseconds to wait by a `Retry-After` of seconds or a date (RFC 9110 §10.2.3); `undefined` when there is none. */
export function retryAfterMs(value: string | undefined, now: Date): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d{1,9}$/.test(value.trim())) return Number(value) * 1_000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now.getTime());
}

/** Requests that must be left before another image is begun: one image of several platforms costs about this many. */
const MIN_REMAINING = 10;
/** The same as a part of the whole window, where the window is small. */
const MIN_REMAINING_PART = 0.1;
/** Seconds to rest where the registry names no window. */
const DEFAULT_WINDOW_S = 60;

/** A count with the window that it belongs to, as Docker Hub writes it: `76;w=21600`. */
const COUNT = /^\s*(\d{1,12})\s*(?:$|[;,])/;
const WINDOW = /;\s*w\s*=\s*(\d{1,9})/;

/** What an answer reports of a limit: requests that are left, of how many, and seconds until there are more. */
interface Left {
  readonly remaining: number | undefined;
  readonly limit: number | undefined;
  readonly reset: number | undefined;
}

const NOTHING_SAID: Left = { remaining: undefined, limit: undefined, reset: undefined };

/** A reset at least this large is a moment, in seconds since 1970, as GitHub writes it. */
const EPOCH_S = 1_000_000_000;

/**
 * Milliseconds to rest before something new is begun, by the `RateLimit-*` headers (draft-ietf-httpapi-ratelimit-headers,
 * and Docker Hub's form of them), their form with `X-`, or the one header `RateLimit` of later drafts: 0 while enough is left;
 * `undefined` when the answer has none.
 */
function restAfter(answer: Answer, now: Date): number | undefined {
  const { remaining, limit, reset } = leftIn(answer);
  if (remaining === undefined) return undefined;
  if (remaining >= leastOf(limit)) return 0;
  const seconds = reset ?? DEFAULT_WINDOW_S;
  return seconds >= EPOCH_S ? Math.max(0, seconds * 1_000 - now.getTime()) : seconds * 1_000;
}

function leftIn(answer: Answer): Left {
  // Most answers have none of these headers.
  if (!Object.keys(answer.headers).some((name) => name.includes('ratelimit'))) return NOTHING_SAID;
  const of = (name: string): string | undefined =>
    header(answer, `ratelimit-${name}`) ?? header(answer, `x-ratelimit-${name}`);
  const [left, limit] = [of('remaining'), of('limit')];
  const remaining = numberIn(left, COUNT);
  if (remaining === undefined) return leftInOne(header(answer, 'ratelimit'), of('policy'));
  const window = numberIn(left, WINDOW) ?? numberIn(limit, WINDOW);
  return { remaining, limit: numberIn(limit, COUNT), reset: numberIn(of('reset'), COUNT) ?? window };
}

/** `limit=100, remaining=5, reset=30`, or for each policy `"name";r=5;t=30`, of which the one counts of which least is left. */
function leftInOne(text = '', policy = ''): Left {
  const items = text.includes('=') && !/\bremaining\s*=/.test(text) ? text.split(',') : [text];
  const read = items.map((item) => ({
    remaining: numberIn(item, /\b(?:r|remaining)\s*=\s*(\d{1,12})\b/),
    limit: numberIn(item, /\blimit\s*=\s*(\d{1,12})\b/) ?? numberIn(policy, /\bq\s*=\s*(\d{1,12})\b/),
    reset: numberIn(item, /\b(?:t|reset)\s*=\s*(\d{1,10})\b/),
  }));
  const [least] = read.toSorted((a, b) => (a.remaining ?? Infinity) - (b.remaining ?? Infinity));
  return least ?? NOTHING_SAID;
}

function leastOf(limit: number | undefined): number {
  return limit === undefined ? 1 : Math.min(MIN_REMAINING, Math.ceil(limit * MIN_REMAINING_PART));
}

function numberIn(text = '', pattern: RegExp): number | undefined {
  const digits = pattern.exec(text)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
