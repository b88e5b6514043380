import { LRUCache } from 'lru-cache';
import type { Keychain, RegistryLogin } from '../../../core/evidence/index.ts';
import { sharedTurn, type Clock, type SharedTurn } from '../../../core/model/index.ts';
import { parseSentUrl } from '../../http/index.ts';
import { createMemo, unlessAborted } from '../../io/index.ts';
import type { Access, Call } from '../call.ts';
import { objectionToRealm, type Endpoint } from '../endpoint.ts';
import type { Exchange } from '../exchange.ts';
import { deadline, fault, quote, misbehaved } from '../fault.ts';
import { paced, type Pauses } from '../pause.ts';
import { parseChallenges, type Challenge } from './challenge.ts';
import { basic, identityOf } from './logins.ts';
import { fetchToken, type TokenQuestion } from './token.ts';

/** An `Authorization` value; `fresh` when it was made just now, so that a refusal of it is final. */
interface Credential {
  readonly authorization: string;
  readonly fresh: boolean;
}

type Header = Parameters<typeof parseChallenges>[0];

/** Turns a registry's challenges into credentials. Nothing is ever sent to a registry that has not asked for it. */
export interface Authorizer {
  /** What to send at once, because this registry asked for it before; `undefined` for the first request. */
  readonly upfront: (call: Call) => Promise<Credential | undefined>;
  /** Answers a 401; `undefined` when there is nothing (else) to offer. */
  readonly respond: (call: Call, challenge: Header, refused?: string) => Promise<Credential | undefined>;
  /**
   * Names the login that there is for a call, without containing it, whether the registry has asked for it yet or not. One that
   * cannot be read is not sent either: such a call is an anonymous one.
   */
  readonly loginName: (call: Call) => Promise<string>;
  /** Whether the login of a call is also the one for reading another repository of the registry: only then may it be used there. */
  readonly mayRead: (call: Call, repository: string) => Promise<boolean>;
}

/** What logging in takes. */
interface AuthorizerParts {
  readonly exchange: Exchange;
  readonly pauses: Pauses;
  readonly now: Clock;
  /** Aborts what is under way. */
  readonly closed: AbortSignal;
  /** Repositories whose challenges, logins and tokens are remembered; absent = {@link REMEMBERED}. */
  readonly remembered?: number;
}

/** How long a login is used before the keychain is asked again, in milliseconds: rotation counts soon, bursts ask once. */
const LOGIN_LIFETIME_MS = 30_000;
/** Repositories whose last challenge, login and tokens are remembered, which saves them refused requests; the least used go first. */
const REMEMBERED = { max: 5_000 };
/** What a token is asked for where the challenge names no scope (distribution spec, "Token Scope Documentation"). */
const ACTIONS: Readonly<Record<Access, string>> = { pull: 'pull', push: 'pull,push', delete: 'delete' };

/** Logs in with one set of logins; each is fetched once for all who need it. */
export function createAuthorizer(keychain: Keychain, parts: AuthorizerParts): Authorizer {
  const { exchange, pauses, now, closed } = parts;
  const size = { max: parts.remembered ?? REMEMBERED.max };
  const challenges = new LRUCache<string, Challenge>(size);
  const lastOf = new LRUCache<string, Challenge>(size); // by registry, without scopes
  const logins = createMemo<RegistryLogin | undefined>(now, size);
  const tokens = createMemo<string>(now, size);
  const turns = new Map<string, SharedTurn>(); // of the tokens that are being fetched

  const loginFor = async (call: Call, anew: boolean): Promise<RegistryLogin | undefined> => {
    const { repository, signal } = call;
    const { registry } = call.endpoint;
    const key = `${call.access} ${registry}/${repository}`;
    const known = anew ? undefined : logins.known(key);
    if (known) return known.value;
    const login = logins.learn(key, async () => ({
      value: await keychain({ registry, repository }, closed, call.access),
      until: new Date(now().getTime() + LOGIN_LIFETIME_MS),
    }));
    return unlessAborted(login, signal, () => deadline(call));
  };

  const bearer = async (call: Call, question: TokenQuestion, refused?: string): Promise<Credential> => {
    const key = tokenKey(call.endpoint, question);
    const known = tokens.known(key);
    if (known && `Bearer ${known.value}` !== refused)
      return { authorization: `Bearer ${known.value}`, fresh: false };
    // It belongs to all who wait for it: it has the turn of each, and ends with the signal of none of them.
    const turn = turns.get(key) ?? sharedTurn();
    turns.set(key, turn);
    if (call.turn) turn.join(call.turn);
    const background: Call = {
      ...call,
      operation: 'token',
      doing: `log in to ${call.endpoint.registry} for ${call.repository}`,
      access: 'pull',
      patient: false,
      signal: closed,
      turn,
      onRequest: undefined,
    };
    const token = tokens.learn(key, () => {
      const atItsPace = paced(exchange, pauses, identityOf(question.login));
      return fetchToken(atItsPace, background, question, now);
    });
    const settled = (): void => {
      turn.end();
      if (turns.get(key) === turn) turns.delete(key);
    };
    token.then(settled, settled);
    const value = await unlessAborted(token, call.signal, () => deadline(call));
    return { authorization: `Bearer ${value}`, fresh: true };
  };

  const credential = async (
    call: Call,
    challenge: Challenge,
    refused?: string,
  ): Promise<Credential | undefined> => {
    const login = await loginFor(call, refused !== undefined);
    if (challenge.scheme !== 'basic' && login?.kind !== 'bearer')
      return bearer(call, { ...realmOf(call, challenge), login }, refused);
    const token = login?.kind === 'bearer' ? `Bearer ${login.token}` : undefined;
    const authorization = challenge.scheme === 'basic' ? basic(login) : token;
    return authorization === undefined || authorization === refused
      ? undefined
      : { authorization, fresh: true };
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
        const parameters = new Map([...challenge.parameters].filter(([name]) => name !== 'scope'));
        lastOf.set(call.endpoint.registry, { ...challenge, parameters });
      }
      return answer;
    },
    loginName: async (call) => {
      const login = await loginFor(call, false).catch(() => undefined);
      return identityOf(login);
    },
    mayRead: async (call, repository) => {
      const reading: Call = { ...call, repository, access: 'pull' };
      const [own, other] = await Promise.all([loginFor(call, false), loginFor(reading, false)]);
      return identityOf(own) === identityOf(other);
    },
  };
}

/** What a login is needed for: a token to read a repository is not one to write to it. */
function needOf(call: Call): string {
  return JSON.stringify([call.endpoint.registry, call.repository, call.access, call.alsoPulls]);
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
  const realm = parseSentUrl(text);
  if (realm === undefined) throw misbehaved(call, 'it asks for a login at no valid address');
  const objection = objectionToRealm(realm, call.endpoint);
  if (objection !== undefined)
    throw fault(call, 'UntrustedEndpoint', `it asks for a login at ${quote(realm.host)}: ${objection}`);
  const scopes = parameters.get('scope')?.split(' ').filter(Boolean) ?? [
    `repository:${call.repository}:${ACTIONS[call.access]}`,
  ];
  // A mount reads from a second repository, which few registries name in their challenge.
  if (call.alsoPulls !== undefined) scopes.push(`repository:${call.alsoPulls}:${ACTIONS.pull}`);
  return { realm, service: parameters.get('service'), scopes: [...new Set(scopes)] };
}
