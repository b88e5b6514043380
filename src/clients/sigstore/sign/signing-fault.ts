import { Fault } from '../../../core/model/index.ts';

/** What failed, by the code of the library. */
const DETAILS: Readonly<Record<string, string>> = {
  CA_CREATE_SIGNING_CERTIFICATE_ERROR: 'the certificate authority gave no certificate',
  TLOG_CREATE_ENTRY_ERROR: 'the transparency log did not take the signature',
  TLOG_FETCH_ENTRY_ERROR: 'the transparency log does not show the entry that it has',
  TSA_CREATE_TIMESTAMP_ERROR: 'the timestamp authority gave no timestamp',
};
const OTHER = 'somebody answered what cannot be used';

/** Codes of HTTP by which the same request may be answered later: a timeout, and too many requests. */
const RETRY_STATUS: ReadonlySet<number> = new Set([408, 429]);

/**
 * Does what asks others to sign, no longer than the signal allows; the library itself knows time limits of single requests
 * only, so what was under way then ends by itself. Throws a `Fault`, and nothing else.
 */
export async function signing<T>(operation: string, work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: ended, reject } = Promise.withResolvers<never>();
  const end = (): void => {
    reject(outOfTime(operation));
  };
  signal.addEventListener('abort', end, { once: true });
  try {
    if (signal.aborted) throw outOfTime(operation);
    return await Promise.race([work(), ended]);
  } catch (error) {
    throw error instanceof Fault ? error : signingFault(operation, error);
  } finally {
    signal.removeEventListener('abort', end);
  }
}

function outOfTime(operation: string): Fault {
  const detail = 'the time ran out before it was signed';
  return new Fault({ code: 'DeadlineExceeded', operation, side: 'trust', transient: true, detail });
}

/** Without the error as its cause: messages of the library may hold the identity token and addresses with logins. */
function signingFault(operation: string, error: unknown): Fault {
  const status = numberAt(causeOf(error), 'statusCode');
  const detail = DETAILS[codeOf(error)] ?? OTHER;
  const transient = status === undefined || status >= 500 || RETRY_STATUS.has(status);
  return new Fault({
    code: 'SigningFailed',
    operation,
    side: 'trust',
    transient,
    detail: status === undefined ? detail : `${detail} (HTTP ${status})`,
  });
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}

function numberAt(value: unknown, key: string): number | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const found: unknown = Reflect.get(value, key);
  return typeof found === 'number' ? found : undefined;
}
