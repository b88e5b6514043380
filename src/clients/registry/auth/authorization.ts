import { LRUCache } from 'lru-cache';
import type { Access, Call } from '../call.ts';
import { parseChallenges, type Challenge } from './challenge.ts';
import { objectionToRealm, type Endpoint } from '../endpoint.ts';
import type { Exchange } from '../exchange.ts';
import { deadline, fault, quote } from '../fault.ts';
import type { Keychain, RegistryLogin } from '../../../core/evidence/index.ts';
import { basic, identityOf } from './login.ts';
import { createSharedMemo } from './shared-memo.ts';
import { fetchToken, type TokenQuestion } from './token.ts';

/** An `Authorization` value; `fresh` when it was made just now, so that a refusal of it is final. */
interface Credential {
  readonly authorization: string;
  readonly fresh: boolean;
}

/** Turns a registry's challenges into credentials. Nothing is ever sent to a registry that has not asked for it. */
export interface Authorizer {
  /** What to send at once, because this registry asked for it before; `undefined` for the first request. */
  readonly upfront: (call: Call) => Promise<Credential | undefined>;
  /** Answers a 401; `undefined` when there is nothing (else) to offer. */
  readonly respond: (
    call: Call,
    challenge: string | readonly string[] | undefined,
    refused: string | undefined,
  ) => Promise<Credential | undefined>;
}

/** What {@link createAuthorizer} needs; `closed` aborts what is under way when the client closes. */
interface AuthorizerOptions {
  readonly keychain: Keychain;
  readonly exchange: Exchange;
  readonly now: () => Date;
  readonly closed: AbortSignal;
}

/** How long a login is used before the keychain is asked again, in milliseconds: rotation counts soon, bursts ask once. */
const LOGIN_LIFETIME_MS = 30_000;
/** Repositories whose last challenge is remembered, which saves them one refused request each time. */
const MAX_CHALLENGES = 5_000;
/** What a token is asked for where the challenge names no scope (distribution spec, "Token Scope Documentation"). */
const ACTIONS: Readonly<Record<Access, string>> = { pull: 'pull', push: 'pull,push', delete: 'delete' };

/** Makes the authorizer of one client. Logins and tokens are fetched once for all who need them at the same time. */
export function createAuthorizer({ keychain, exchange, now, closed }: AuthorizerOptions): Authorizer {
  const challenges = new LRUCache<string, Challenge>({ max: MAX_CHALLENGES });
  const lastOf = new LRUCache<string, Challenge>({ max: MAX_CHALLENGES }); // by registry, without scopes
  const logins = createSharedMemo<RegistryLogin | undefined>(now);
  const tokens = createSharedMemo<string>(now);

  const loginFor = async (call: Call, anew: boolean): Promise<RegistryLogin | undefined> => {
    const place = { registry: call.endpoint.registry, repository: call.repository };
    const { value } = await logins({
      key: keyOf(call),
      load: async () => ({
        value: await keychain(place, closed),
        until: new Date(now().getTime() + LOGIN_LIFETIME_MS),
      }),
      refused: () => anew,
      signal: call.signal,
      onAbort: () => deadline(call),
    });
    return value;
  };

  const bearer = async (call: Call, question: TokenQuestion, refused?: string): Promise<Credential> => {
    const { endpoint, repository } = call;
    const background: Call = {
      operation: 'token',
      doing: `log in to ${endpoint.registry} for ${repository}`,
      endpoint,
      repository,
      side: call.side,
      access: 'pull',
      patient: false,
      signal: closed,
    };
    const { value, fresh } = await tokens({
      key: tokenKey(endpoint, question),
      load: () => fetchToken(exchange, background, question, now),
      refused: (token) => `Bearer ${token}` === refused,
      signal: call.signal,
      onAbort: () => deadline(call),
    });
    return { authorization: `Bearer ${value}`, fresh };
  };

  const credential = async (
    call: Call,
    challenge: Challenge,
    refused?: string,
  ): Promise<Credential | undefined> => {
    const login = await loginFor(call, refused !== undefined);
    if (challenge.scheme === 'basic') {
      if (login?.kind !== 'password') return undefined;
      const authorization = basic(login.username, login.password);
      return authorization === refused ? undefined : { authorization, fresh: true };
    }
    if (login?.kind === 'bearer') {
      const authorization = `Bearer ${login.token}`;
      return authorization === refused ? undefined : { authorization, fresh: true };
    }
    return bearer(call, { ...realmOf(call, challenge), login }, refused);
  };

  return {
    upfront: async (call) => {
      // Most writes go to a registry that a read has seen: its challenge is the same but for the scope, which we know.
      const challenge =
        challenges.get(needOf(call)) ??
        (call.access === 'pull' ? undefined : lastOf.get(call.endpoint.registry));
      if (challenge === undefined) return undefined;
      const known = await credential(call, challenge);
      return known && { ...known, fresh: false }; // the registry may have changed its challenge: read it again
    },
    respond: async (call, header, refused) => {
      const offered = parseChallenges(header);
      const challenge =
        offered.find(({ scheme }) => scheme === 'bearer') ?? offered.find(({ scheme }) => scheme === 'basic');
      if (challenge === undefined) return undefined;
      const answer = await credential(call, challenge, refused);
      if (answer !== undefined) {
        challenges.set(needOf(call), challenge);
        lastOf.set(call.endpoint.registry, withoutScope(challenge));
      }
      return answer;
    },
  };
}

function keyOf({ endpoint, repository }: Call): string {
  return `${endpoint.registry}/${repository}`;
}

/** What a login is needed for: a token to read a repository is not one to write to it. */
function needOf(call: Call): string {
  return JSON.stringify([call.endpoint.registry, call.repository, call.access, call.alsoPulls]);
}

function withoutScope({ scheme, parameters }: Challenge): Challenge {
  return { scheme, parameters: new Map([...parameters].filter(([name]) => name !== 'scope')) };
}

/** Lists with their own quoting, so that no two questions can share a key by a clever choice of separators. */
function tokenKey(endpoint: Endpoint, { realm, service, scopes, login }: TokenQuestion): string {
  return JSON.stringify([endpoint.origin, realm.href, service, scopes.toSorted(), identityOf(login)]);
}

/**
 * Reads what a bearer challenge asks for, and refuses a realm that is none of this registry's business: a registry could
 * otherwise have our login sent to any host, or have us call an internal address (CVE-2025-27403, CVE-2026-48978).
 * An anonymous request there is refused too: the token would be worthless and the request alone may do harm.
 */
function realmOf(call: Call, { parameters }: Challenge): Omit<TokenQuestion, 'login'> {
  const text = parameters.get('realm') ?? '';
  const realm = URL.canParse(text) ? new URL(text) : undefined;
  if (realm === undefined) throw fault(call, 'RegistryMisbehaved', 'it asks for a login at no valid address');
  const objection = objectionToRealm(realm, call.endpoint);
  if (objection !== undefined) {
    throw fault(call, 'UntrustedEndpoint', `it asks for a login at ${quote(realm.host)}: ${objection}`);
  }
  realm.hash = '';
  const scopes = parameters.get('scope')?.split(' ').filter(Boolean) ?? [
    `repository:${call.repository}:${ACTIONS[call.access]}`,
  ];
  // A mount reads from a second repository, which few registries name in their challenge.
  if (call.alsoPulls !== undefined) scopes.push(`repository:${call.alsoPulls}:${ACTIONS.pull}`);
  return { realm, service: parameters.get('service'), scopes: [...new Set(scopes)] };
}
