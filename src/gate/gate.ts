import { Fault } from '../core/model/index.ts';
import { errorAnswer, jsonAnswer, type GateAnswer } from './answer.ts';
import { identify, identifyLogin, type CallerPorts, type Identity } from './callers.ts';
import { createDownloads, shareOf, thenEnd, type Origin } from './clients.ts';
import type { AskForMissing } from './missing/ask.ts';
import { parseUrl } from './path.ts';
import type { Caller, GatePorts, GateRules, PullEvent } from './ports.ts';
import { createPuller } from './pull.ts';
import { faultOutcome, plain, type Outcome } from './refusal.ts';
import { TOKEN_SECONDS, type Tokens } from './tokens.ts';

/** A request, as it was sent. */
export interface GateRequest extends Origin {
  readonly method: string;
  /** Path and query, nothing decoded. */
  readonly url: string;
  /** Fires when the client has gone. */
  readonly signal: AbortSignal;
}

/** Answers pulls. Never rejects for what a client or a registry sends. */
export type Gate = (request: GateRequest) => Promise<GateAnswer>;

/** What a gate is made of. */
export interface GateOptions extends GatePorts {
  readonly rules: GateRules;
  readonly callers: CallerPorts;
  /** Asks for what is missing; absent = nothing is asked for. */
  readonly onMissing?: AskForMissing | undefined;
  readonly tokens: Tokens;
  /** Whether an address is that of a proxy whose `X-Forwarded-For` is believed. */
  readonly isProxy: (address: string) => boolean;
  /** How clients reach the gate, e.g. `https://gate.example.com`; a scheme alone = at the host that they name. */
  readonly publicUrl: string;
}

/** Milliseconds for everything before the first byte of an answer: clients give a registry half a minute. */
const ANSWER_MS = 25_000;

/** Makes a gate. */
export function createGate(options: GateOptions): Gate {
  const { callers, tokens, onPull, report } = options;
  const pull = createPuller(options);
  const download = createDownloads(options.rules.downloadsPerClient);

  const pullFor = async (
    proven: Caller,
    asked: Parameters<typeof pull>[0],
    request: GateRequest,
    deadline: AbortSignal,
  ): Promise<Outcome> => {
    const { method, headers, signal } = request;
    const caller = { ...proven, share: shareOf(proven, request, options.isProxy) };
    const isHead = method === 'HEAD';
    const end = asked.kind === 'blob' && !isHead ? download(caller.share) : () => undefined;
    if (!end) return plain(errorAnswer('TOOMANYREQUESTS', tooMany(options.rules), AGAIN));
    signal.addEventListener('abort', end, { once: true });
    const range = headers.get('range');
    const asking = pull(asked, { caller, range, isHead, deadline, clientGone: signal });
    const outcome = await asking.catch((error: unknown) => {
      end();
      throw error;
    });
    return endedBy(outcome, end);
  };

  const outcomeOf = async (request: GateRequest, deadline: AbortSignal): Promise<Outcome> => {
    const { method, url, headers } = request;
    if (method !== 'GET' && method !== 'HEAD')
      return plain(errorAnswer('UNSUPPORTED', 'the gate only answers pulls: it writes nothing', ALLOWED));
    const asked = parseUrl(url);
    if ('code' in asked) return plain(errorAnswer(asked.code, asked.message));
    const login = headers.get('authorization');
    if (asked.kind === 'token') {
      const identity = await identifyLogin(login, callers, deadline);
      return plain(
        identity.kind === 'known' ? tokenAnswer(tokens.seal(identity.caller)) : refusedLogin(identity),
      );
    }
    const identity = await identify(login, callers, tokens, deadline);
    if (identity.kind !== 'known') return plain(refusedLogin(identity, realmOf(request, options)));
    if (asked.kind === 'base') return plain(jsonAnswer({}));
    if (asked.kind === 'tags' && !options.isReady())
      return plain(errorAnswer('UNAVAILABLE', 'the policies are not read yet', AGAIN));
    return pullFor(identity.caller, asked, request, deadline);
  };

  return async (request) => {
    const begun = performance.now();
    // It ends with the answer: AbortSignal.timeout would keep all that belongs to a request until it fires.
    const late = new AbortController();
    const timer = setTimeout(() => {
      late.abort(new DOMException('no answer could be begun in time', 'TimeoutError'));
    }, ANSWER_MS).unref();
    const deadline = AbortSignal.any([request.signal, late.signal]);
    const { answer, about } = await outcomeOf(request, deadline)
      .catch((error: unknown): Outcome => {
        if (error instanceof Fault) return faultOutcome(error);
        report(error);
        return plain(errorAnswer('UNAVAILABLE', 'an internal error, see the log of Pratique'));
      })
      .finally(() => {
        clearTimeout(timer);
      });
    onPull({ ...NOTHING, ...about, status: answer.status, milliseconds: performance.now() - begun });
    if (request.method !== 'HEAD') return answer;
    const { status, headers } = answer;
    return { status, headers };
  };
}

const AGAIN = { headers: { 'Retry-After': '5' } };
const ALLOWED = { headers: { Allow: 'GET, HEAD' } };
const NOTHING: Omit<PullEvent, 'status' | 'milliseconds'> = {
  ...{ caller: '', callerKind: 'anonymous', image: '', kind: '', verdict: 'none', reason: '' },
};

function tooMany({ downloadsPerClient }: GateRules): string {
  return `this client has ${String(downloadsPerClient)} downloads at a time, and may have no more: end one, or try again`;
}

/** Calls back at the end of the bytes of an answer. */
function endedBy(outcome: Outcome, end: () => void): Outcome {
  const { body } = outcome.answer;
  if (body && !(body instanceof Uint8Array))
    return { ...outcome, answer: { ...outcome.answer, body: thenEnd(body, end) } };
  end();
  return outcome;
}

/** The token under both names that clients read (distribution project, "Token Authentication"). */
function tokenAnswer(token: string): GateAnswer {
  const value = { token, access_token: token, expires_in: TOKEN_SECONDS };
  return jsonAnswer(value, { 'Cache-Control': 'no-store' });
}

/** Asks for a login, or says why the one that was shown is not accepted. */
function refusedLogin(identity: Exclude<Identity, { kind: 'known' }>, realm?: string): GateAnswer {
  if (identity.kind === 'unknown') return errorAnswer('UNAVAILABLE', `${identity.why}, try again`, AGAIN);
  const how = realm === undefined ? 'Basic realm="pratique"' : `Bearer realm="${realm}",service="pratique"`;
  const why = identity.kind === 'none' ? 'log in to the gate first' : identity.why;
  return errorAnswer('UNAUTHORIZED', why, { headers: { 'WWW-Authenticate': how } });
}

const HOST = /^(?:[a-z0-9.-]{1,253}|\[[a-f0-9:]{2,45}\])(?::\d{1,5})?$/i;

/** Where a client gets a token: at the gate itself. What a `Host` header says is sent back to the client that wrote it, and to no other. */
function realmOf({ headers }: GateRequest, { publicUrl }: GateOptions): string {
  if (publicUrl.includes('://')) return `${publicUrl}/token`;
  const host = headers.get('host') ?? '';
  return `${publicUrl}://${HOST.test(host) ? host : 'localhost'}/token`;
}
