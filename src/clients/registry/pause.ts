import { setTimeout as sleep } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import { header } from './answer.ts';
import type { Answer, Call } from './call.ts';
import { deadline, fault } from './fault.ts';

/** Longest wait for a registry's convenience, in milliseconds: an admission has a few seconds in all. */
export const MAX_WAIT_MS = 2_000;
/** Longest time a `Retry-After` keeps a host silent, in milliseconds: a registry must not switch itself off for a day. */
export const MAX_PAUSE_MS = 60_000;
/** Longest rest between images, in milliseconds; windows last hours, but one request in five minutes costs little. */
export const MAX_REST_MS = 300_000;
/** Hosts whose pauses are remembered. */
const MAX_HOSTS = 1_000;

/** Delays every call to a host that asked to slow down. */
export interface Pauses {
  /** Waits out the host's pause; a Fault `RegistryRateLimited` when it is too long to wait for. */
  readonly wait: (call: Call, host: string) => Promise<void>;
  /** Takes note of an answer: how long the registry asks to wait, when that is short enough to send it again. */
  readonly note: (call: Call, answer: Answer) => number | undefined;
  /** Milliseconds for which nothing new should be begun with a host; 0 = go on. */
  readonly restMs: (host: string) => number;
}

/** Makes the pauses of one client, which reads the time from `now`. */
export function createPauses(now: () => Date): Pauses {
  const until = new LRUCache<string, number>({ max: MAX_HOSTS });
  const rests = new LRUCache<string, number>({ max: MAX_HOSTS });
  const left = (moments: typeof until, host: string): number =>
    Math.max(0, (moments.get(host) ?? 0) - now().getTime());
  const rest = (host: string, ms: number): void => {
    rests.set(host, now().getTime() + Math.min(ms, MAX_REST_MS));
  };
  return {
    wait: async (call, host) => {
      const ms = left(until, host);
      if (ms > mostWait(call))
        throw fault(call, 'RegistryRateLimited', `${host} asked for a pause that is not over`);
      if (ms > 0) await pause(call, ms);
    },
    note: (call, answer) => {
      const { host } = answer.url;
      const restMs = restAfter(answer);
      if (restMs !== undefined) rest(host, restMs);
      if (answer.status !== 429 && answer.status !== 503) return undefined;
      const delay = retryAfterMs(header(answer, 'retry-after'), now());
      if (delay === undefined) return undefined;
      // 429 is about this client and holds for all its calls; 503 may be about one backend and holds for one request.
      if (answer.status === 429) {
        until.set(host, now().getTime() + Math.min(delay, MAX_PAUSE_MS));
        rest(host, delay);
      }
      return delay <= mostWait(call) ? delay : undefined;
    },
    restMs: (host) => Math.max(left(until, host), left(rests, host)),
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

/**
 * Milliseconds to rest before something new is begun, by the `RateLimit-*` headers (draft-ietf-httpapi-ratelimit-headers,
 * and Docker Hub's form of them): 0 while enough is left; `undefined` when the answer has none.
 */
function restAfter(answer: Answer): number | undefined {
  const left = header(answer, 'ratelimit-remaining');
  const limit = header(answer, 'ratelimit-limit');
  const remaining = numberIn(left, COUNT);
  if (remaining === undefined) return undefined;
  if (remaining >= leastOf(numberIn(limit, COUNT))) return 0;
  const window = numberIn(left, WINDOW) ?? numberIn(limit, WINDOW) ?? DEFAULT_WINDOW_S;
  return (numberIn(header(answer, 'ratelimit-reset'), COUNT) ?? window) * 1_000;
}

function leastOf(limit: number | undefined): number {
  return limit === undefined ? 1 : Math.min(MIN_REMAINING, Math.ceil(limit * MIN_REMAINING_PART));
}

function numberIn(text = '', pattern: RegExp): number | undefined {
  const digits = pattern.exec(text)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
