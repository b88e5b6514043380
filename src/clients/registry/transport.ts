import { Fault } from '../../core/model/index.ts';
import { discard, wasGarbled, wasReset } from '../http/index.ts';
import { header } from './answer.ts';
import type { Authorizer } from './auth/authorization.ts';
import type { Answer, Ask, Call, Transport } from './call.ts';
import { isStream, REDIRECTS, type Exchange } from './exchange.ts';
import { misbehaved } from './fault.ts';
import { placeOf } from './link.ts';
import { pause, type Pauses } from './pause.ts';

/** Most redirects followed for one request; blob stores need one, a mirror in front of them two. */
export const MAX_REDIRECTS = 5;
/** Most times one request is sent: anonymously or with a remembered token, with a cached token, with a fresh one. */
const MAX_ATTEMPTS = 3;
/** Most times a patient request is sent again because the registry asked to wait. */
const MAX_PATIENT_RESENDS = 5;
/** Most times a read is sent again because a kept connection had the rest of an earlier answer: each time that connection is closed. */
const MAX_GARBLED = 3;
/** Redirects that keep method and body (RFC 9110 §15.4); any other would turn a write into something else. */
const KEEPING: ReadonlySet<number> = new Set([307, 308]);

export function createTransport(exchange: Exchange, pauses: Pauses, authorizer: Authorizer): Transport {
  const withLogin: Transport = async (call, ask) => {
    let credential = await authorizer.upfront(call);
    for (let attempt = 1; ; attempt += 1) {
      const answer = await follow(call, ask, credential?.authorization);
      const final = credential?.fresh === true || attempt === MAX_ATTEMPTS;
      // A login is only given to the registry itself, however a redirect target asks for one.
      if (answer.status !== 401 || answer.url.origin !== call.endpoint.origin || final) return answer;
      await discard(answer);
      const challenge = answer.headers['www-authenticate'];
      const next = await authorizer.respond(call, challenge, credential?.authorization);
      if (next === undefined) return answer;
      credential = next;
    }
  };
  return (call, ask) => (ask.isForeign ? follow(call, ask, undefined) : withLogin(call, ask));

  async function follow(call: Call, ask: Ask, authorization: string | undefined): Promise<Answer> {
    let { url, sender } = ask;
    let secret = url.origin === call.endpoint.origin ? authorization : undefined;
    for (let hop = 0; hop <= MAX_REDIRECTS; hop += 1) {
      const headers = secret === undefined ? ask.headers : { ...ask.headers, authorization: secret };
      const answer = await steady(call, { ...ask, url, sender, headers });
      const location = locationOf(ask, answer);
      if (location === undefined) return answer;
      await discard(answer);
      const target = placeOf(call, url, location, 'redirects');
      if (hop === 0 && (await isPassedOn(call, ask, url, target))) return { ...answer, passedOn: target };
      if (target.origin !== url.origin) secret = undefined; // and it stays undefined, also on the way back
      sender = url.hostname;
      url = target;
    }
    throw misbehaved(call, `it redirects more than ${MAX_REDIRECTS} times`);
  }

  /**
   * One request, sent again at once after a reset, for a read also after a garbled answer, and after a short pause the registry
   * asked for. A stream is sent once: what arrived of it the registry may have kept, so the sender first asks how much arrived.
   */
  async function steady(call: Call, ask: Ask): Promise<Answer> {
    const once = isStream(ask.body);
    const login = (): Promise<string> => authorizer.loginName(call);
    await pauses.wait(call, ask.url.host, login);
    const sent = (left: number): Promise<Answer> =>
      exchange(call, ask).catch((error: unknown) => {
        const isPassing = !once && left > 0 && error instanceof Fault && error.transient;
        if (isPassing && call.access === 'pull' && wasGarbled(error.cause)) return sent(left - 1);
        if (!isPassing || !wasReset(error.cause)) throw error;
        return sent(0);
      });
    let answer = await sent(MAX_GARBLED);
    const mostResends = call.patient ? MAX_PATIENT_RESENDS : 1;
    for (let resent = 0; ; resent += 1) {
      const delay = await pauses.note(call, answer, login);
      if (delay === undefined || once || resent === mostResends) return answer;
      await discard(answer);
      await pause(call, delay);
      answer = await exchange(call, ask);
    }
  }
}

/** Where an answer sends the request; `undefined` = it is an answer. */
function locationOf({ method, isAnswer }: Ask, answer: Answer): string | undefined {
  const followed = method === 'GET' || method === 'HEAD' ? REDIRECTS : KEEPING;
  return followed.has(answer.status) && answer.status !== isAnswer ? header(answer, 'location') : undefined;
}

/** Whether the caller may be sent there instead. Within the registry that takes a login. */
async function isPassedOn(call: Call, { passesOn }: Ask, from: URL, target: URL): Promise<boolean> {
  return passesOn === true && target.origin !== from.origin && (await call.isForAll?.(target)) === true;
}
