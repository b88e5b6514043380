import { Fault, nameOf, type Clock, type ImageRef } from '../../../core/model/index.ts';
import type { Mirror } from './rules.ts';

/** Longest that one mirror is waited for with a question, and all of them, in milliseconds: an admission has ten seconds in all. */
const QUESTION_MS = { one: 1_500, all: 3_000 };
/** The same where no admission waits: for the first byte of a blob, and for a manifest that is to be copied. */
const PATIENT_MS = { one: 5_000, all: 10_000 };

/** A place to read at; without a mirror it is the registry itself. */
export interface Place {
  readonly ref: ImageRef;
  readonly mirror?: Mirror;
  /** Another place is there if this one does not answer soon. */
  readonly isBounded: boolean;
}

/** What a place answered that was of no use. */
export interface Failure extends Pick<Place, 'mirror'> {
  readonly fault: Fault;
}

/**
 * How long each place may take, in milliseconds: `undefined` = as long as the caller waits, 0 = no time is left for it. `patient` = no
 * admission waits.
 */
export function timesFor(
  { patient = false }: { readonly patient?: boolean },
  now: Clock,
): (place: Place) => number | undefined {
  const limits = patient ? PATIENT_MS : QUESTION_MS;
  const until = now().getTime() + limits.all;
  return ({ isBounded }) =>
    isBounded ? Math.max(0, Math.min(limits.one, until - now().getTime())) : undefined;
}

/** Does the work; one that takes longer is a Fault. The limit is for the promise, not for bytes that come after it. */
export async function within<T>(
  ms: number | undefined,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  if (ms === undefined) return work(signal);
  const late = new AbortController();
  const timer = setTimeout(() => {
    late.abort();
  }, ms);
  try {
    return await work(AbortSignal.any([signal, late.signal]));
  } catch (error) {
    if (!late.signal.aborted || !(error instanceof Fault)) throw error;
    throw alike(error, { code: 'RegistryUnavailable', detail: `it did not answer within ${ms} ms` });
  } finally {
    clearTimeout(timer);
  }
}

/** The bytes as they come; `onBreak` is called when they break off. */
export async function* watched(
  bytes: AsyncIterable<Uint8Array>,
  onBreak: (fault: Fault) => void,
): AsyncGenerator<Uint8Array> {
  try {
    yield* bytes;
  } catch (error) {
    if (error instanceof Fault) onBreak(error);
    throw error;
  }
}

/** The failure of the registry itself, or of the first mirror, with what the other places answered. */
export function joined(failures: readonly Failure[], ref: ImageRef): Fault {
  const own = failures.find(({ mirror }) => mirror === undefined) ?? failures[0];
  if (own === undefined) {
    const detail =
      'no mirror of it has this, and registries.mirrors lets nothing be read there (upstream: Never)';
    const operation = `read ${nameOf(ref)}`;
    return new Fault({ code: 'RegistryUnavailable', operation, side: 'source', transient: false, detail });
  }
  const others = failures.filter((one) => one !== own);
  const said = others
    .map(({ mirror, fault }) => `; mirror ${mirror?.location ?? ''}: ${fault.detail}`)
    .join('');
  return alike(own.fault, {
    transient: failures.some(({ fault }) => fault.transient),
    detail: `${own.fault.detail}${said}`,
  });
}

/** The same Fault but for this. */
function alike(cause: Fault, changes: Partial<Pick<Fault, 'code' | 'detail' | 'transient'>>): Fault {
  const { code, detail, operation, side, transient, isUnparsed, isKept } = cause;
  return new Fault({
    ...{ code, detail, operation, side, transient, isUnparsed, isKept, cause },
    ...changes,
  });
}
