import { errorCode, Fault, type ReasonCode } from '../../core/model/index.ts';
import { certificateProblem, ProxyFailure } from '../http/index.ts';
import type { Answer, Call } from './call.ts';

/** What a fault needs to know of the call that met it. Whatever is not part of a copy stands at its beginning. */
type Doing = Pick<Call, 'doing'> & Partial<Pick<Call, 'side' | 'withheld'>>;

/** Codes that are worth another try by themselves. */
const TRANSIENT: ReadonlySet<ReasonCode> = new Set([
  'RegistryUnavailable',
  'RegistryRateLimited',
  'DeadlineExceeded',
]);

type Details = Pick<ConstructorParameters<typeof Fault>[0], 'transient' | 'cause' | 'isUnparsed' | 'isKept'>;

/** A Fault about this call; transient when its code is, by default. */
export function fault(
  { doing: operation, side = 'source', withheld }: Doing,
  code: ReasonCode,
  detail: string,
  { transient = TRANSIENT.has(code), ...more }: Partial<Details> = {},
): Fault {
  // The registry refused what a login might have been good for that must not be used here.
  if (code === 'RegistryDenied' && withheld !== undefined)
    return new Fault({
      ...{ ...more, code: 'NotGranted', operation, side, transient },
      detail: `${detail}; ${withheld}`,
    });
  return new Fault({ ...more, code, operation, side, transient, detail });
}

/** The Fault for an answer that no registry may give. */
export function misbehaved(call: Doing, detail: string): Fault {
  return fault(call, 'RegistryMisbehaved', detail);
}

/** The Fault for an answer that is neither success nor a plain "there is no such thing". */
export function faultOfStatus(call: Doing, { url, status }: Pick<Answer, 'url' | 'status'>): Fault {
  const answered = `${url.host} answered ${status}${status === 412 ? ': a rule of its own is against it' : ''}`;
  if (status === 401)
    return fault(call, 'RegistryDenied', `${answered}: it needs a login, or refuses this one`);
  if (status === 403) return fault(call, 'RegistryDenied', `${answered}: this login may not read it`);
  if (status === 429) return fault(call, 'RegistryRateLimited', answered);
  // Too slow (408), another connection (421), a cache whose own question failed (424), too early (425). 501: it never does this.
  if (status < 500 && ![408, 421, 424, 425].includes(status)) return misbehaved(call, answered);
  return fault(call, 'RegistryUnavailable', answered, { transient: status !== 501 });
}

/** Codes by which Node says that the other side does not speak TLS. */
const NO_TLS: ReadonlySet<string> = new Set([
  'EPROTO',
  'ERR_SSL_WRONG_VERSION_NUMBER',
  'ERR_SSL_PACKET_LENGTH_TOO_LONG',
]);
/** Nothing came, or nothing was taken, for as long as is waited for a single byte. */
const STALLS: ReadonlySet<string> = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT']);

/** The Fault for a request or body that broke: the caller's deadline, our own time limit, TLS, or the connection. */
export function faultOfError(call: Doing & Pick<Call, 'signal'>, host: string, error: unknown): Fault {
  if (error instanceof Fault) return error;
  if (call.signal.aborted) return deadline(call);
  const unavailable = (detail: string, transient = true): Fault =>
    fault(call, 'RegistryUnavailable', detail, { cause: error, transient });
  if (error instanceof Error && error.name === 'TimeoutError')
    return unavailable(`${host} did not answer in time`);
  if (error instanceof ProxyFailure) return unavailable(`${host}: ${error.message}`, error.transient);
  const code = errorCode(error);
  if (STALLS.has(code)) return unavailable(`${host} has fallen silent`);
  const tls = tlsProblem(code);
  if (tls !== undefined) return unavailable(`${host}: ${tls}`, false);
  return unavailable(`the connection to ${host} failed${code && ` (${code})`}`);
}

function tlsProblem(code: string): string | undefined {
  if (NO_TLS.has(code))
    return 'it does not speak TLS: if plain http is meant, name it with --insecure-registry';
  const problem = certificateProblem(code);
  return problem === 'its certificate is not trusted'
    ? `${problem}: give its CA with --registry-ca, or by caSecretRef of a promotion`
    : problem;
}

export function deadline(call: Doing): Fault {
  return fault(call, 'DeadlineExceeded', 'the time ran out before the registry had answered');
}

/** Longest text of a registry's making inside a message, in characters: enough for a media type or a path. */
const MAX_QUOTE = 160;

/** Text of a registry, made fit for one line of a message: printable, and not long. */
export function quote(text: string): string {
  const printable = text.replace(/[^\x20-\x7e]/g, '?');
  return printable.length > MAX_QUOTE ? `${printable.slice(0, MAX_QUOTE)}…` : printable;
}

/** Whether a failure may pass by itself, and the caller still waits. */
export function mayPass({ signal }: Call, error: unknown): error is Fault {
  return error instanceof Fault && error.transient && !signal.aborted;
}
