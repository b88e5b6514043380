import type { RegistryLogin } from '../../../core/evidence/index.ts';
import { objectOf } from '../../../core/model/index.ts';
import { discard } from '../../http/index.ts';
import { type Lasting } from '../../io/index.ts';
import { isDone, readJson } from '../answer.ts';
import type { Answer, Ask, Call } from '../call.ts';
import { REDIRECTS, type Exchange } from '../exchange.ts';
import { fault, faultOfStatus, misbehaved } from '../fault.ts';
import { basic } from './logins.ts';

/** What a bearer token is asked for (distribution spec, "Token Authentication"). */
export interface TokenQuestion {
  readonly realm: URL;
  readonly service: string | undefined;
  readonly scopes: readonly string[];
  readonly login: RegistryLogin | undefined;
}

/** Largest answer of a token endpoint, in bytes: tokens with group claims have some ten thousand. */
const MAX_TOKEN_ANSWER_BYTES = 256 * 1024;
/** How long a token lasts whose answer does not say so, in seconds (distribution spec). */
const DEFAULT_LIFETIME_S = 60;
/** Longest time a token is kept, in seconds: a day, whatever the answer claims. */
const MAX_LIFETIME_S = 86_400;
/** A token is given up this long before its end, in milliseconds: time for one request to arrive. */
const EXPIRY_SKEW_MS = 10_000;
/** Names this client to OAuth2 endpoints; they ask for a name, not for a registration. */
const CLIENT_ID = 'pratique';

/** A token ends up in a header: RFC 6750 §2.1 `b64token` has no character that could end one. */
const PRINTABLE = /^[\x21-\x7e]+$/;

/**
 * Reads the answer of a token service as leniently as other clients do: `token` or `access_token`, whichever is a text, and whatever
 * media type it has. A lifetime may be a number or a text; one that is neither, or not above zero, counts as not stated.
 */
function readToken(body: unknown): { readonly token: string; readonly seconds: number } | string {
  if (body === undefined) return 'answered what is no JSON';
  const { token, access_token: access, expires_in: lifetime } = objectOf(body);
  const texts = [token, access].map((one) => (typeof one === 'string' ? one.trim() : ''));
  const found = texts.find((one) => one !== '');
  if (found === undefined) return 'answered without a token';
  if (!PRINTABLE.test(found)) return 'answered with a token that no header can hold';
  const seconds = typeof lifetime === 'string' ? Number.parseFloat(lifetime) : lifetime;
  const isStated = typeof seconds === 'number' && seconds > 0;
  return { token: found, seconds: isStated ? seconds : DEFAULT_LIFETIME_S };
}

/**
 * Asks a realm for a token: by GET, anonymously or with name and password, by POST with a refresh token. The lifetime counts
 * from our own clock at the time of asking; `issued_at` is a stranger's clock.
 */
export async function fetchToken(
  exchange: Exchange,
  call: Call,
  question: TokenQuestion,
  now: () => Date,
): Promise<Lasting<string>> {
  const askedAt = now().getTime();
  const answer = await exchange(call, requestFor(question));
  if (!isDone(answer)) {
    await discard(answer);
    throw faultOf(call, answer);
  }
  const body = readToken(await readJson(call, answer, MAX_TOKEN_ANSWER_BYTES));
  if (typeof body === 'string') throw misbehaved(call, `${answer.url.host} ${body}`);
  const lifetime = Math.min(body.seconds, MAX_LIFETIME_S) * 1_000;
  const skew = Math.min(EXPIRY_SKEW_MS, lifetime / 2);
  return { value: body.token, until: new Date(askedAt + lifetime - skew) };
}

function faultOf(call: Call, { status, url }: Answer): Error {
  if (REDIRECTS.has(status)) return fault(call, 'UntrustedEndpoint', `${url.host} sends logins elsewhere`);
  // OAuth2 says 400 for a refresh token that is not good (RFC 6749 §5.2).
  return faultOfStatus(call, { url, status: status === 400 ? 401 : status });
}

function requestFor({ realm, service, scopes, login }: TokenQuestion): Ask {
  if (login?.kind === 'identity') {
    const form = new URLSearchParams({ grant_type: 'refresh_token', client_id: CLIENT_ID });
    if (service !== undefined) form.set('service', service);
    if (scopes.length > 0) form.set('scope', scopes.join(' '));
    form.set('refresh_token', login.token);
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return { method: 'POST', url: realm, headers, body: form.toString() };
  }
  const url = new URL(realm);
  if (service !== undefined) url.searchParams.set('service', service);
  for (const scope of scopes) url.searchParams.append('scope', scope);
  const authorization = basic(login);
  return { method: 'GET', url, headers: authorization === undefined ? {} : { authorization } };
}
