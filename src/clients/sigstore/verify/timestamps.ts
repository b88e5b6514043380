import type { KeyObject } from 'node:crypto';
import { RFC3161Timestamp } from '@sigstore/core';
import { Verifier } from '@sigstore/verify';
import type { SignedMaterial } from './material.ts';
import { trustOnly, type RootMaterial } from './root-material.ts';
import { provenContent } from './signature-content.ts';

/** What the timestamp authorities of one root know about a signature. */
export interface TimestampProof {
  readonly times: readonly Date[];
  /** Why its timestamps prove nothing, as one clause. */
  readonly why?: string;
}

/** The times at which authorities of a root have seen the signature (RFC 3161). */
export function findTimestamps(material: SignedMaterial, key: KeyObject, root: RootMaterial): TimestampProof {
  const tried = material.timestamps.map((der) => timeOf(der, { material, key, root }));
  const times = tried.filter((time) => typeof time !== 'string');
  const why = tried.find((time) => typeof time === 'string');
  return { times, ...(times.length === 0 && why !== undefined && { why }) };
}

interface Search {
  readonly material: SignedMaterial;
  readonly key: KeyObject;
  readonly root: RootMaterial;
}

function timeOf(der: Buffer, { material, key, root }: Search): Date | string {
  const read = readTimestamp(der);
  if (!read) return 'its timestamp cannot be read';
  const { timestamp, time } = read;
  try {
    const { timestampAuthorities } = root.material;
    const verifier = new Verifier(trustOnly(key, { timestampAuthorities }), {
      tlogThreshold: 0,
      ctlogThreshold: 0,
      timestampThreshold: 1,
    });
    verifier.verify({
      signature: { ...provenContent(material), signature: material.timestamped },
      key: { $case: 'public-key', hint: '' },
      tlogEntries: [],
      timestamps: [{ $case: 'timestamp-authority', timestamp }],
    });
    return time;
  } catch {
    return 'its timestamp is by no trusted authority, or over something else';
  }
}

/** Parses all that is needed of it at once: the library reads lazily, and throws errors of many kinds doing so. */
function readTimestamp(der: Buffer): { timestamp: RFC3161Timestamp; time: Date } | undefined {
  try {
    const timestamp = RFC3161Timestamp.parse(Buffer.from(der));
    const time = timestamp.signingTime;
    return Number.isNaN(time.getTime()) ? undefined : { timestamp, time };
  } catch {
    return undefined;
  }
}
