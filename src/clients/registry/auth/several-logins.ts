import { LRUCache } from 'lru-cache';
import { Fault } from '../../../core/model/index.ts';
import { discard } from '../../http/index.ts';
import type { Answer, Ask, Call, Transport } from '../call.ts';
import type { Authorizer } from './authorization.ts';
import { isStream } from '../exchange.ts';
import { ANONYMOUS } from './logins.ts';

/** Requests with one set of logins. */
export interface LoginWay {
  readonly transport: Transport;
  readonly authorizer: Pick<Authorizer, 'loginName' | 'mayRead'>;
}

/** Repositories that are remembered for one set of logins: an object has few, and there are many sets. */
export const FEW_REPOSITORIES = 100;

/** A way that was tried, and why it has failed. */
interface Failed {
  readonly way: LoginWay;
  readonly name: string;
  readonly outcome: Answer | Fault;
}

/**
 * Reads with each login in turn until one may: 401, 403 and 404 lead to the next, as many registries answer 404 to a login that may
 * not read. The login that has read a repository is the first one there from then on, and its 404 is final. When none may, the
 * answer is the 404 of the installation's own login, else the last refusal of a login, else 404: no refusal becomes "absent".
 * An anonymous refusal says nothing about the logins before it. `next` is opened when it is needed, which it rarely is; its last but
 * one are the installation's own, and its last has no logins. Writes that are answered 401 or 403 go on to the next login of `next`,
 * never to these two; when none may, the answer is that of the last. A body that is made while it is sent goes with the login that
 * has begun the upload.
 */
export function severalLogins(first: LoginWay, next: readonly (() => LoginWay)[]): LoginWay {
  const good = new LRUCache<string, LoginWay>({ max: FEW_REPOSITORIES });
  let opened: readonly LoginWay[] | undefined;

  const open = (): readonly LoginWay[] => (opened ??= [first, ...next.map((make) => make())]);

  const read = async (place: string, way: LoginWay, call: Call, ask: Ask): Promise<Answer | Fault> => {
    const outcome = await attempt(way, call, ask);
    if (!(outcome instanceof Fault) && outcome.status < 400) good.set(place, way);
    return outcome;
  };

  /** Tries the logins that differ from the one that has failed; the last outcome is not read yet. */
  const others = async (begun: Failed, call: Call, ask: Ask): Promise<Answer | readonly Failed[]> => {
    const place = placeOf(call);
    const failed = [begun];
    for (const way of open()) {
      const name = await way.authorizer.loginName(call);
      if (failed.some((one) => one.name === name)) continue; // it would only be refused again
      await end(failed.at(-1)?.outcome);
      const outcome = await read(place, way, call, ask);
      if (isAnswer(call, outcome)) return outcome;
      failed.push({ way, name, outcome });
    }
    return failed;
  };

  const writeWith = async (way: LoginWay, call: Call, ask: Ask): Promise<Answer | Fault> => {
    const outcome = await attempt(way, call, ask);
    const isWritten = !(outcome instanceof Fault) && outcome.status < 400;
    // That a login may read says nothing of what it may write.
    if (isWritten && ask.method !== 'HEAD' && ask.method !== 'GET') good.set(placeOf(call), way);
    return outcome;
  };

  const usedFor = (call: Call): LoginWay => good.get(placeOf(call)) ?? first;

  const write: Transport = async (call, ask) => {
    const begun = usedFor(call);
    if (isStream(ask.body)) return begun.transport(call, ask);
    let outcome = await writeWith(begun, call, ask);
    if (!isRefusal(call, outcome)) return answered(outcome);
    const tried = new Set([await begun.authorizer.loginName(call), ANONYMOUS]);
    for (const way of open().slice(0, -2)) {
      const name = await way.authorizer.loginName(call);
      if (tried.has(name)) continue;
      tried.add(name);
      await end(outcome); // its connection may be the last one
      outcome = await writeWith(way, call, ask);
      if (!isRefusal(call, outcome)) break;
    }
    return answered(outcome);
  };

  const reading: Transport = async (call, ask) => {
    const place = placeOf(call);
    const known = good.get(place);
    const way = known ?? first;
    const outcome = await read(place, way, call, ask);
    if (isAnswer(call, outcome) || (known !== undefined && isAbsent(outcome))) return outcome;
    good.delete(place);
    const begun: Failed = { way, name: await way.authorizer.loginName(call), outcome };
    const found = await others(begun, call, ask);
    if ('status' in found) return found;
    const own = await opened?.at(-2)?.authorizer.loginName(call);
    return answerOf(found, begun, { call, ask, own });
  };

  return {
    transport: (call, ask) => (call.access === 'pull' ? reading : write)(call, ask),
    authorizer: {
      loginName: (call) => usedFor(call).authorizer.loginName(call),
      mayRead: (call, repository) => usedFor(call).authorizer.mayRead(call, repository),
    },
  };
}

/** The answer when none may read; what was answered last is ended unless it is this. */
async function answerOf(
  failed: readonly Failed[],
  begun: Failed,
  { call, ask, own }: { readonly call: Call; readonly ask: Ask; readonly own: string | undefined },
): Promise<Answer> {
  const said = mostInformative(failed, own) ?? begun;
  const last = failed.at(-1) ?? begun;
  if (said !== last) await end(last.outcome);
  if (said.outcome instanceof Fault) throw said.outcome;
  // Once more where the body counts: that of a 404 may say that it is none.
  return said !== last && isAbsent(said.outcome) ? said.way.transport(call, ask) : said.outcome;
}

function placeOf({ endpoint, repository, access }: Call): string {
  return `${access} ${endpoint.registry}/${repository}`;
}

/** The login whose answer counts when none may read. */
function mostInformative(failed: readonly Failed[], own: string | undefined): Failed | undefined {
  return (
    failed.find(({ name, outcome }) => name === own && name !== ANONYMOUS && isAbsent(outcome)) ??
    failed.findLast(({ name, outcome }) => name !== ANONYMOUS && !isAbsent(outcome)) ??
    failed.findLast(({ outcome }) => isAbsent(outcome))
  );
}

/** Only a refusal is a Fault here; all others are thrown. */
async function attempt({ transport }: LoginWay, call: Call, ask: Ask): Promise<Answer | Fault> {
  try {
    return await transport(call, ask);
  } catch (error) {
    if (error instanceof Fault && error.code === 'RegistryDenied') return error;
    throw error;
  }
}

async function end(outcome: Answer | Fault | undefined): Promise<void> {
  if (outcome !== undefined && !(outcome instanceof Fault)) await discard(outcome);
}

function isAbsent(outcome: Answer | Fault): outcome is Answer {
  return !(outcome instanceof Fault) && outcome.status === 404;
}

const LEADS_ON: ReadonlySet<number> = new Set([401, 403, 404]);

/** What hosts answer that a registry redirects to has nothing to do with its logins. */
function isAnswer({ endpoint }: Call, outcome: Answer | Fault): outcome is Answer {
  if (outcome instanceof Fault) return false;
  return outcome.url.origin !== endpoint.origin || !LEADS_ON.has(outcome.status);
}

function answered(outcome: Answer | Fault): Answer {
  if (outcome instanceof Fault) throw outcome;
  return outcome;
}

/** Whether a write was refused to its login, and nothing was written. */
function isRefusal({ endpoint }: Call, outcome: Answer | Fault): boolean {
  if (outcome instanceof Fault) return true;
  return outcome.url.origin === endpoint.origin && (outcome.status === 401 || outcome.status === 403);
}
