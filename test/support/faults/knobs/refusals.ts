// Refusals, pauses and failures.
import type { Intercept, RegistryRequest } from '../../registry/index.ts';
import { failure } from '../../registry/http.ts';
import { answer, refuse } from '../../registry/misbehave.ts';
import { everywhere, type Knob } from '../knob.ts';

type Which = (request: RegistryRequest) => boolean;

const STATUSES = [403, 405, 406, 409, 412, 413] as const;
const CODES = ['DENIED', 'TOOMANYREQUESTS', 'UNAVAILABLE'] as const;
const FAR = 'Fri, 31 Dec 2399 23:59:59 GMT';
const PAST = 'Fri, 31 Dec 1999 23:59:59 GMT';

const limited = (name: string, after: string) =>
  everywhere('F13', `limited-${name}`, (which) => refuse(which, 429, { 'retry-after': after }));

/** Every n-th request fails. */
function flapping(which: Which, n: number, status: number): Intercept {
  let seen = 0;
  return (request) => {
    if (!which(request)) return undefined;
    seen += 1;
    return seen % n === 0 ? failure(status, 'UNAVAILABLE') : undefined;
  };
}

/** What a registry refuses, puts off, or fails to do. */
export const REFUSALS: readonly Knob[] = [
  ...STATUSES.flatMap((status) => everywhere('F12', `status-${status}`, (which) => refuse(which, status))),
  ...CODES.flatMap((code) =>
    everywhere('F12', `404-${code.toLowerCase()}`, (which) => answer(which, failure(404, code))),
  ),
  ...everywhere('F12', '404-of-a-proxy', (which) =>
    answer(which, { status: 404, body: '<h1>No route</h1>' }),
  ),
  ...everywhere('F13', 'limited', (which) => refuse(which, 429)),
  ...limited('for-an-eternity', '999999999'),
  ...limited('for-minus-one', '-1'),
  ...limited('until-2399', FAR),
  ...limited('until-1999', PAST),
  ...limited('for-no-time', 'soon, \u00e9'),
  ...everywhere(
    'F13',
    'nothing-remains',
    (which) => (request) =>
      which(request)
        ? failure(429, 'TOOMANYREQUESTS', { 'ratelimit-remaining': '0;w=999999999', 'ratelimit-limit': '1' })
        : undefined,
  ),
  ...everywhere('F14', 'status-500', (which) => refuse(which, 500)),
  ...everywhere('F14', 'status-503-for-a-day', (which) => refuse(which, 503, { 'retry-after': '86400' })),
  ...everywhere('F14', 'every-second-fails', (which) => flapping(which, 2, 503)),
  ...everywhere('F14', 'every-third-fails', (which) => flapping(which, 3, 500)),
];
