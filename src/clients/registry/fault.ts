import { Fault, type ReasonCode, errorCode } from '../../core/model/index.ts';
import type { Call } from './call.ts';

/** What a fault needs to know of the call that met it. Whatever is not part of a copy stands at its beginning. */
type Doing = Pick<Call, 'doing'> & Partial<Pick<Call, 'side'>>;

/** Codes that are worth another try by themselves. */
const TRANSIENT: ReadonlySet<ReasonCode> = new Set([
  'RegistryUnavailable',
  'RegistryRateLimited',
  'DeadlineExceeded',
]);

const TLS_DETAILS: Readonly<Record<string, string>> = {
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet',
  EPROTO: 'it does not speak TLS: if plain http is meant, name it with --insecure-registry',
  ERR_SSL_WRONG_VERSION_NUMBER:
    'it does not speak TLS: if plain http is meant, name it with --insecure-registry',
  ERR_SSL_PACKET_LENGTH_TOO_LONG:
    'it does not speak TLS: if plain http is meant, name it with --insecure-registry',
};
/** Nothing came, or nothing was taken, for as long as is waited for a single byte. */
const STALLS: ReadonlySet<string> = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT']);
const UNTRUSTED_CERTIFICATE = /^(?:CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_|ERR_SSL_)/;

/** A Fault about this call; transient when its code is, by default. */
export function fault(
  call: Doing,
  code: ReasonCode,
  detail: string,
  more: { readonly cause?: unknown; readonly transient?: boolean } = {},
): Fault {
  return new Fault({
    code,
    operation: call.doing,
    side: call.side ?? 'source',
    transient: more.transient ?? TRANSIENT.has(code),
    detail,
    cause: more.cause,
  });
}

/** The Fault for an answer that is neither success nor a plain "there is no such thing". */
export function faultOfStatus(call: Doing, host: string, status: number): Fault {
  const answered = `${host} answered ${String(status)}`;
  if (status === 401)
    return fault(call, 'RegistryDenied', `${answered}: it needs a login, or refuses this one`);
  if (status === 403) return fault(call, 'RegistryDenied', `${answered}: this login may not read it`);
  if (status === 429) return fault(call, 'RegistryRateLimited', answered);
  if (status >= 500) return fault(call, 'RegistryUnavailable', answered);
  return fault(call, 'RegistryMisbehaved', answered);
}

/** The Fault for a request or body that broke: the caller's deadline, our own time limit, TLS, or the connection. */
export function faultOfError(call: Doing & Pick<Call, 'signal'>, host: string, error: unknown): Fault {
  if (error instanceof Fault) return error;
  if (call.signal.aborted) return deadline(call);
  const cause = error;
  if (error instanceof Error && error.name === 'TimeoutError') {
    return fault(call, 'RegistryUnavailable', `${host} did not answer in time`, { cause });
  }
  const code = errorCode(error);
  if (STALLS.has(code)) return fault(call, 'RegistryUnavailable', `${host} has fallen silent`, { cause });
  const tls =
    TLS_DETAILS[code] ??
    (UNTRUSTED_CERTIFICATE.test(code)
      ? 'its certificate is not trusted: give its CA with --registry-ca, or by caSecretRef of a promotion'
      : undefined);
  if (tls !== undefined) {
    return fault(call, 'RegistryUnavailable', `${host}: ${tls}`, { cause, transient: false });
  }
  return fault(call, 'RegistryUnavailable', `the connection to ${host} failed${code && ` (${code})`}`, {
    cause,
  });
}

/** The Fault for a call whose caller has no more time. */
export function deadline(call: Doing): Fault {
  return fault(call, 'DeadlineExceeded', 'the time ran out before the registry had answered');
}

/** Text of a registry, made fit for one line of a message: printable, and not long. */
export function quote(text: string): string {
  const printable = text.replace(/[^\x20-\x7e]/g, '?');
  return printable.length > MAX_QUOTE ? `${printable.slice(0, MAX_QUOTE)}…` : printable;
}

/** Longest text of a registry's making inside a message, in characters: enough for a media type or a path. */
const MAX_QUOTE = 160;

/** Whether a failure may pass by itself, and the caller still waits. */
export function mayPass({ signal }: Call, error: unknown): error is Fault {
  return error instanceof Fault && error.transient && !signal.aborted;
}
