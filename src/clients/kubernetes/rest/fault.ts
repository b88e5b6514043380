import { Fault, hidePathSecrets, oneLine, type ReasonCode, errorCode } from '../../../core/model/index.ts';
import { certificateProblem } from '../../http/index.ts';

/** The API server's own account of a refusal (a `Status` object). */
export interface Refusal {
  readonly status: number;
  /** Its machine word, as `Conflict`. */
  readonly reason: string;
  readonly message: string;
}

/** Longest text of the server's making inside a message, in characters: a webhook's refusal with a few images fits. */
const MAX_QUOTE = 1_000;

export function fault(
  operation: string,
  code: ReasonCode,
  detail: string,
  more: { readonly cause?: unknown; readonly transient?: boolean } = {},
): Fault {
  const { cause, transient = code === 'ClusterUnavailable' } = more;
  return new Fault({ code, operation, side: 'cluster', transient, detail, cause });
}

/** The Fault for an answer that is no value. A login that was refused may be renewed by others: 401 is transient. */
export function faultOfRefusal(operation: string, { status, reason, message }: Refusal): Fault {
  const words = [reason, message].filter((word) => word !== '').join(': ');
  const says = `the API server answered ${status}${words && ` (${words})`}`;
  if (status === 401) return fault(operation, 'ClusterDenied', says, { transient: true });
  if (status === 403) return fault(operation, 'ClusterDenied', says);
  return fault(operation, 'ClusterUnavailable', says, { transient: isTransient(status) });
}

/** The Fault for the *no* of the API server to a write that must not be refused. */
export function faultOfNo(operation: string, { status, reason, message }: Refusal): Fault {
  return fault(operation, 'ClusterDenied', `the API server answered ${status} (${reason}: ${message})`);
}

/** 404 on a collection: its definition may be about to be installed. 408 and 410: ask anew. */
function isTransient(status: number): boolean {
  return status >= 500 || [404, 408, 410, 429].includes(status);
}

/** The Fault for a request or a body that broke: the caller's signal, the deadline, TLS, or the connection. */
export function faultOfError(operation: string, error: unknown, signal: AbortSignal | undefined): Fault {
  if (error instanceof Fault) return error;
  const unavailable = (detail: string): Fault =>
    fault(operation, 'ClusterUnavailable', detail, { cause: error });
  if (signal?.aborted === true) return unavailable('the time ran out before the API server had answered');
  if (error instanceof Error && error.name === 'TimeoutError')
    return unavailable('the API server did not answer in time');
  const code = errorCode(error);
  const tls = certificateProblem(code);
  if (tls !== undefined) return unavailable(`the API server cannot be believed: ${tls} (${code})`);
  return unavailable(`the connection to the API server failed${code && ` (${code})`}`);
}

/** The server's words, made fit for one message: no secret of ours, nor of a webhook's path, no control characters, not long. */
export function quote(text: string, secret: string | undefined): string {
  const safe = secret === undefined || secret === '' ? text : text.replaceAll(secret, '…');
  const line = oneLine(hidePathSecrets(safe)).trim();
  return line.length > MAX_QUOTE ? `${line.slice(0, MAX_QUOTE)}…` : line;
}
