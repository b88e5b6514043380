import type {
  Evidence,
  Fact,
  ProvenSignature,
  Referrer,
  Unknown,
  UnprovenSignature,
  Unread,
  UnsignedStatement,
} from '../model/index.ts';

/** Referrers that could be read, and whether any that matters may be missing. */
export interface ReferrerReading {
  readonly read: readonly Extract<Referrer, { state: 'read' }>[];
  readonly incomplete?: Unknown;
}

/** Splits a referrer listing into what was read and what could not be read. */
export function readReferrers(referrers: Fact<readonly Referrer[]>): ReferrerReading {
  if (referrers.state === 'unknown') return { read: [], incomplete: referrers };
  const all = referrers.state === 'found' ? referrers.value : [];
  const unreadable = all.find((referrer) => referrer.state === 'unread');
  return {
    read: all.filter((referrer) => referrer.state === 'read'),
    ...(unreadable && { incomplete: unknown(unreadable) }),
  };
}

/** Signatures by state, and whether one could not be read. */
export interface SignatureReading {
  readonly proven: readonly ProvenSignature[];
  /** Unsigned statements and reports. */
  readonly unsigned: readonly UnsignedStatement[];
  readonly unproven: readonly UnprovenSignature[];
  readonly incomplete?: Unknown;
}

/** Splits what was found next to an image into what proves something, what does not, and what could not be read. */
export function readSignatures(signatures: Evidence['signatures']): SignatureReading {
  if (signatures.state === 'unknown')
    return { proven: [], unsigned: [], unproven: [], incomplete: signatures };
  const all = signatures.state === 'found' ? signatures.value : [];
  const unreadable = all.find((signature) => signature.state === 'unread');
  return {
    proven: all.filter((signature) => signature.state === 'proven'),
    unsigned: all.filter((signature) => signature.state === 'unsigned'),
    unproven: all.filter((signature) => signature.state === 'unproven'),
    ...(unreadable && { incomplete: unknown(unreadable) }),
  };
}

function unknown({ reason, transient }: Unread): Unknown {
  return { state: 'unknown', reason, transient };
}
