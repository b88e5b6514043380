import type { ReasonCode } from './reason.ts';

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
  readonly cause?: unknown;
}

/** A broken connection, as opposed to a *no*: thrown by adapters only, turned into an `unknown` fact by verification. */
export class Fault extends Error {
  readonly code: ReasonCode;
  readonly operation: string;
  readonly side: FaultSide;
  readonly transient: boolean;
  readonly detail: string;

  constructor(details: FaultDetails) {
    super(`${details.operation}: ${details.detail}`, { cause: details.cause });
    this.name = 'Fault';
    this.code = details.code;
    this.operation = details.operation;
    this.side = details.side;
    this.transient = details.transient;
    this.detail = details.detail;
  }
}

/** The machine-readable code of a system, TLS or HTTP client error; empty when it has none. */
export function errorCode(error: unknown): string {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : '';
}
