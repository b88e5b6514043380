import type { Authorizer } from './authorization.ts';
import type { Call } from './call.ts';
import { objectionTo } from './endpoint.ts';
import { discard, header, REDIRECTS, type Answer, type Exchange, type WireRequest } from './exchange.ts';
import { errorCode, fault, quote } from './fault.ts';
import { Fault } from '../../core/model/index.ts';
import { pause, type Pauses } from './pause.ts';

/** A read, addressed to the registry of the call. */
export interface Ask {
  readonly method: 'GET' | 'HEAD';
  /** On the registry's own origin. */
  readonly url: URL;
  readonly accept?: string;
}

/** Sends a read with all that HTTP asks of a client: login, redirects, one retry. Any final status is an answer. */
export type Send = (call: Call, ask: Ask) => Promise<Answer>;

/** What {@link createTransport} is made of. */
export interface TransportParts {
  readonly exchange: Exchange;
  readonly pauses: Pauses;
  readonly authorizer: Authorizer;
}

/** Most redirects followed for one request; blob stores need one, a mirror in front of them two. */
export const MAX_REDIRECTS = 5;
/** Most times one request is sent: as nobody or with a remembered token, with a cached token, with a fresh one. */
const MAX_ATTEMPTS = 3;
/** The other side closed a pooled connection while we were writing to it: nobody has seen the request. */
const RESETS: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']);

/** Puts a transport together. */
export function createTransport({ exchange, pauses, authorizer }: TransportParts): Send {
  return async (call, ask) => {
    let credential = await authorizer.upfront(call);
    for (let attempt = 1; ; attempt += 1) {
      const answer = await follow(call, ask, credential?.authorization);
      const final = credential?.fresh === true || attempt === MAX_ATTEMPTS;
      // A login is only given to the registry itself, however a redirect target asks for one.
      if (answer.status !== 401 || answer.url.origin !== call.endpoint.origin || final) return answer;
      const challenge = answer.headers['www-authenticate'];
      await discard(answer);
      const next = await authorizer.respond(call, challenge, credential?.authorization);
      if (next === undefined) return answer;
      credential = next;
    }
  };

  async function follow(call: Call, ask: Ask, authorization: string | undefined): Promise<Answer> {
    let url = ask.url;
    let secret = authorization;
    for (let hop = 0; hop <= MAX_REDIRECTS; hop += 1) {
      const headers = { ...(ask.accept && { accept: ask.accept }), ...(secret && { authorization: secret }) };
      const answer = await steady(call, { method: ask.method, url, headers });
      const location = REDIRECTS.has(answer.status) ? header(answer, 'location') : undefined;
      if (location === undefined) return answer;
      await discard(answer);
      const target = redirectTarget(call, url, location);
      if (target.origin !== url.origin) secret = undefined; // and it stays undefined, also on the way back
      url = target;
    }
    throw fault(call, 'RegistryMisbehaved', `it redirects more than ${String(MAX_REDIRECTS)} times`);
  }

  /** One request, sent again at once after a reset and once more after a short pause the registry asked for. */
  async function steady(call: Call, wire: WireRequest): Promise<Answer> {
    await pauses.wait(call, wire.url.host);
    const first = await exchange(call, wire).catch((error: unknown) => {
      if (!isReset(error)) throw error;
      return exchange(call, wire);
    });
    const delay = pauses.note(first);
    if (delay === undefined) return first;
    await discard(first);
    await pause(call, delay);
    const second = await exchange(call, wire);
    pauses.note(second);
    return second;
  }
}

function redirectTarget(call: Call, from: URL, location: string): URL {
  if (!URL.canParse(location, from.href)) {
    throw fault(call, 'RegistryMisbehaved', 'it redirects to no valid address');
  }
  const target = new URL(location, from.href);
  const downgrade =
    from.protocol === 'https:' && target.protocol === 'http:' ? 'it is plain http' : undefined;
  const objection = downgrade ?? objectionTo(target, call.endpoint);
  if (objection === undefined) return target;
  throw fault(call, 'UntrustedEndpoint', `it redirects to ${quote(target.host)}: ${objection}`);
}

function isReset(error: unknown): boolean {
  return error instanceof Fault && error.transient && RESETS.has(errorCode(error.cause));
}
