import type { Reason, ReasonCode } from './reason.ts';

/** Which of the things outside failed. */
export type FaultSide = 'source' | 'target' | 'cluster' | 'trust' | 'scanner';

/** The contents of a {@link Fault}. */
export interface FaultDetails {
  readonly code: ReasonCode;
  /** What was being done, as a verb with its object, e.g. `read manifest of registry.example.com/shop/web:1.4`. */
  readonly operation: string;
  readonly side: FaultSide;
  /** Whether the same call may succeed later without any change by a person. */
  readonly transient: boolean;
  /** One clause for a person. Never a token, a header value or a query string. */
  readonly detail: string;
  /** The answer came whole, with the digest that was asked for, and is of a kind that is not known. */
  readonly isUnparsed?: boolean;
  /** A registry has something else under the name, and does not let it be replaced. */
  readonly isKept?: boolean;
  readonly cause?: unknown;
}

/** A broken connection, as opposed to a *no*: thrown by adapters only, turned into an `unknown` fact by verification. */
export class Fault extends Error {
  readonly code: ReasonCode;
  readonly operation: string;
  readonly side: FaultSide;
  readonly transient: boolean;
  readonly detail: string;
  readonly isUnparsed: boolean;
  readonly isKept: boolean;

  constructor(details: FaultDetails) {
    super(`${details.operation}: ${details.detail}`, { cause: details.cause });
    this.name = 'Fault';
    this.code = details.code;
    this.operation = details.operation;
    this.side = details.side;
    this.transient = details.transient;
    this.detail = details.detail;
    this.isUnparsed = details.isUnparsed === true;
    this.isKept = details.isKept === true;
  }
}

/** The machine-readable code of a system, TLS or HTTP client error; empty when it has none. */
export function errorCode(error: unknown): string {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : '';
}

/** Why a job beside the main thread has no result. `exhausted`: its thread reached its memory limit; `crashed`: it died otherwise. */
type JobFailure = 'crowded' | 'exhausted' | 'crashed' | 'late' | 'closed';

/** The result of a job, or why there is none. */
export type JobOutcome<Result> =
  { readonly ok: true; readonly value: Result } | { readonly ok: false; readonly failure: JobFailure };

const REASONS: Readonly<Record<JobFailure, Reason & { readonly transient: boolean }>> = {
  crowded: { code: 'LimitExceeded', detail: 'too many jobs wait for a thread already', transient: true },
  // The same bytes need the same memory again.
  exhausted: {
    code: 'LimitExceeded',
    detail: 'it needs more memory than a thread may use',
    transient: false,
  },
  crashed: { code: 'InternalError', detail: 'the thread died', transient: true },
  late: { code: 'DeadlineExceeded', detail: 'it takes longer than a thread may work', transient: true },
  closed: { code: 'InternalError', detail: 'the process is about to end', transient: true },
};

/** Why there is no result, for a fact or a Fault. `doing` names the job: `verify a signature`. */
export function explainFailure(failure: JobFailure, doing: string): Reason & { readonly transient: boolean } {
  const reason = REASONS[failure];
  return { ...reason, detail: `${doing}: ${reason.detail}` };
}
