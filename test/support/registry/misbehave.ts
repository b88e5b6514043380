import { setTimeout as sleep } from 'node:timers/promises';
import { failure, type RegistryRequest, type Reply } from './http.ts';
import type { Intercept } from './index.ts';

/** Which requests are meant: a piece of the path, or a question about the request. */
export type Which = string | RegExp | ((request: RegistryRequest) => boolean);

/** Answers all matching requests with this reply. */
export function answer(which: Which, reply: Reply): Intercept {
  return (request) => (matches(which, request) ? reply : undefined);
}

/** Answers matching requests with an error of this status. */
export function refuse(which: Which, status: number, headers: Record<string, string> = {}): Intercept {
  return answer(which, failure(status, 'UNKNOWN', headers));
}

/** Misbehaves for the first `count` matching requests only. */
export function firstTimes(count: number, which: Which, misbehave: Intercept): Intercept {
  let left = count;
  return (request, handle) => {
    if (left <= 0 || !matches(which, request)) return undefined;
    left -= 1;
    return misbehave(request, handle);
  };
}

/** Drops the connection of matching requests. */
export function hangUp(which: Which): Intercept {
  return (request) => (matches(which, request) ? 'hang up' : undefined);
}

/** Redirects matching requests. */
export function redirect(which: Which, to: (request: RegistryRequest) => string, status = 307): Intercept {
  return (request) => (matches(which, request) ? { status, headers: { location: to(request) } } : undefined);
}

/** A body without end, of JSON-looking zeros. */
export function endlessBody(which: Which, headers: Record<string, string> = {}): Intercept {
  return (request) => (matches(which, request) ? { status: 200, headers, body: zeros() } : undefined);
}

/** A body that sends one byte every `everyMs` milliseconds, without end. */
export function slowDrip(which: Which, everyMs: number, headers: Record<string, string> = {}): Intercept {
  return (request) => (matches(which, request) ? { status: 200, headers, body: drip(everyMs) } : undefined);
}

/** Never answers matching requests within the life of a test. */
export function silence(which: Which, ms = 60_000): Intercept {
  return async (request) => {
    if (matches(which, request)) await sleep(ms, undefined, { ref: false });
    return undefined;
  };
}

/** Changes what the registry answers to matching requests. */
export function amend(which: Which, change: (reply: Reply) => Reply): Intercept {
  return async (request, handle) => (matches(which, request) ? change(await handle(request)) : undefined);
}

/** Takes in only the first bytes of the body of matching requests, as a PATCH would, and drops the connection. */
export function cutBody(which: Which, bytes: number): Intercept {
  return async (request, handle) => {
    if (!matches(which, request)) return undefined;
    const body = async (): Promise<Buffer> => (await request.body()).subarray(0, bytes);
    await handle({ ...request, method: 'PATCH', body });
    return 'hang up';
  };
}

/** Calls several interceptors in turn; the first answer counts. */
export function all(...intercepts: readonly Intercept[]): Intercept {
  return async (request, handle) => {
    for (const intercept of intercepts) {
      const reply = await intercept(request, handle);
      if (reply !== undefined) return reply;
    }
    return undefined;
  };
}

function matches(which: Which, request: RegistryRequest): boolean {
  if (typeof which === 'function') return which(request);
  const path = request.url.pathname + request.url.search;
  return typeof which === 'string' ? path.includes(which) : which.test(path);
}

async function* zeros(): AsyncGenerator<Uint8Array> {
  const chunk = Buffer.alloc(64 * 1024, '0');
  for (;;) {
    await sleep(0);
    yield chunk;
  }
}

async function* drip(everyMs: number): AsyncGenerator<Uint8Array> {
  for (;;) {
    await sleep(everyMs, undefined, { ref: false });
    yield Buffer.from(' ');
  }
}
