import type { KubeObject } from '../types.ts';

/** What a Lease says. */
export interface LeaseRecord {
  /** Who leads; `''` when nobody does. */
  readonly holder: string;
  /** How long others wait after they have seen the last sign of life. */
  readonly durationMs: number;
  readonly acquireTime?: string;
  readonly transitions: number;
}

const MS = 1_000;
/** The API server wants a positive number, also of a Lease that nobody holds. */
const RELEASED_SECONDS = 1;

/** Reads a Lease; what is missing or of a wrong type is as if nobody held it. */
export function readLease({ spec }: KubeObject): LeaseRecord {
  const fields = typeof spec === 'object' && spec !== null ? (spec as Readonly<Record<string, unknown>>) : {};
  const { holderIdentity, leaseDurationSeconds, leaseTransitions, acquireTime } = fields;
  return {
    holder: typeof holderIdentity === 'string' ? holderIdentity : '',
    durationMs: (typeof leaseDurationSeconds === 'number' ? leaseDurationSeconds : 0) * MS,
    transitions: typeof leaseTransitions === 'number' ? leaseTransitions : 0,
    ...(typeof acquireTime === 'string' && { acquireTime }),
  };
}

/** The `spec` with which somebody takes or keeps the Lease; seconds are rounded up, so that nobody takes over early. */
export function heldBy(
  identity: string,
  {
    previous,
    durationMs,
    time,
  }: { readonly previous: LeaseRecord | undefined; readonly durationMs: number; readonly time: string },
): object {
  const kept = previous?.holder === identity;
  return {
    holderIdentity: identity,
    leaseDurationSeconds: Math.ceil(durationMs / MS),
    acquireTime: kept ? (previous.acquireTime ?? time) : time,
    renewTime: time,
    leaseTransitions: kept || !previous ? (previous?.transitions ?? 0) : previous.transitions + 1,
  };
}

/** The `spec` with which the holder lets go. */
export function released({ transitions }: LeaseRecord, time: string): object {
  return {
    holderIdentity: '',
    leaseDurationSeconds: RELEASED_SECONDS,
    acquireTime: time,
    renewTime: time,
    leaseTransitions: transitions,
  };
}
