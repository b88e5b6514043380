import type { KeyObject } from 'node:crypto';
import type { TransparencyLogEntry } from '@sigstore/bundle';
import { RFC3161Timestamp } from '@sigstore/core';
import { Verifier, type SignedEntity, type TrustMaterial } from '@sigstore/verify';
import { entryVerifier } from './entry-verifier.ts';
import { provenContent, type SignedMaterial } from './material.ts';
import { type RootMaterial, trustOnly } from './root-material.ts';

/** What the logs and timestamp authorities of one root have seen of a signature. */
export interface Witness {
  readonly root: RootMaterial;
  readonly logged: boolean;
  readonly timestamped: boolean;
  /** Every moment they prove it existed at, each once. */
  readonly times: readonly Date[];
  /** Why they prove no time, each as one clause. */
  readonly complaints: readonly string[];
}

/** Asks every root what it has seen of a signature. */
export function witnesses(
  material: SignedMaterial,
  by: MadeBy,
  roots: readonly RootMaterial[],
): readonly Witness[] {
  return roots.map((root) => {
    const log = findInLogs(material, by, root);
    const stamps = findTimestamps(material, by.key, root);
    return {
      root,
      logged: log.found,
      timestamped: stamps.found,
      times: distinct([...log.times, ...stamps.times]),
      complaints: [log.why, stamps.why].filter((why) => why !== undefined).concat(material.unreadable),
    };
  });
}

/** What the witnesses add to a proven signature. */
export function attest(seen: readonly Witness[]): {
  loggedBy: readonly string[];
  timestampedBy: readonly string[];
} {
  return {
    loggedBy: seen.filter(({ logged }) => logged).map(({ root }) => root.fingerprint),
    timestampedBy: seen.filter(({ timestamped }) => timestamped).map(({ root }) => root.fingerprint),
  };
}

/** The earliest moment: "made at the latest then". */
export function earliest(times: readonly Date[]): Date | undefined {
  return times.toSorted((a, b) => a.getTime() - b.getTime())[0];
}

function distinct(times: readonly Date[]): readonly Date[] {
  return [...new Set(times.map((time) => time.getTime()))].map((time) => new Date(time));
}

/** Who made a signature, as a log entry has to name it: the key, and the certificate when there is one. */
export interface MadeBy {
  readonly key: KeyObject;
  readonly certificate?: Buffer;
}

/** What the logs or the timestamp authorities of one root prove. */
interface Seen {
  readonly found: boolean;
  /** When they saw the signature. A log entry without a signed time proves none. */
  readonly times: readonly Date[];
  /** Why they prove nothing, as one clause. */
  readonly why?: string;
}

/**
 * Searches the logs of a root for this signature, of these bytes, by this signer. Entries of other logs are ignored: they
 * prove nothing and spoil nothing. It makes no difference how often one log is named (CVE-2026-49834).
 */
function findInLogs(material: SignedMaterial, by: MadeBy, { material: { tlogs } }: RootMaterial): Seen {
  const { entries } = material;
  const known = entries.filter(({ logId }) => tlogs.some(({ logID }) => logID.equals(logId.keyId)));
  const good = known.filter(
    (entry) =>
      isBound(entry, by) &&
      isAccepted(trustOnly(by.key, { tlogs }), { signature: provenContent(material), tlogEntries: [entry] }),
  );
  if (good.length > 0) return { found: true, times: good.flatMap(timeOfEntry) };
  const unknown = known.length === 0 ? 'its log entry is of an unknown log' : undefined;
  const why = entries.length > 0 ? (unknown ?? 'its log entry does not prove this signature') : undefined;
  return { found: false, times: [], why };
}

function isBound(entry: TransparencyLogEntry, { key, certificate }: MadeBy): boolean {
  const named = entryVerifier(entry);
  if (!named) return false;
  if (named.certificate && certificate) return named.certificate.equals(certificate);
  return named.key.equals(key);
}

/** Only the promise of a log is signed together with a time; an inclusion proof is not. */
function timeOfEntry({ inclusionPromise, integratedTime }: TransparencyLogEntry): readonly Date[] {
  const seconds = Number(integratedTime);
  return inclusionPromise && seconds > 0 ? [new Date(seconds * 1000)] : [];
}

/** The times at which authorities of a root have seen the signature (RFC 3161). */
function findTimestamps(material: SignedMaterial, key: KeyObject, { material: root }: RootMaterial): Seen {
  const { timestampAuthorities } = root;
  const tried = material.timestamps.map((der) => {
    const read = readTimestamp(der);
    if (!read) return 'its timestamp cannot be read';
    const signature = { ...provenContent(material), signature: material.timestamped };
    const timestamps = [{ $case: 'timestamp-authority' as const, timestamp: read.timestamp }];
    return isAccepted(trustOnly(key, { timestampAuthorities }), { signature, timestamps })
      ? read.time
      : 'its timestamp is by no trusted authority, or over something else';
  });
  const times = tried.filter((time) => typeof time !== 'string');
  const why = tried.find((time) => typeof time === 'string');
  return { found: times.length > 0, times, why: times.length === 0 ? why : undefined };
}

/** Parses all of it at once: the library reads lazily, and throws errors of many kinds doing so. */
function readTimestamp(der: Buffer): { timestamp: RFC3161Timestamp; time: Date } | undefined {
  try {
    const timestamp = RFC3161Timestamp.parse(Buffer.from(der));
    const time = timestamp.signingTime;
    return Number.isNaN(time.getTime()) ? undefined : { timestamp, time };
  } catch {
    return undefined;
  }
}

/** Whether the library accepts the log entry or the timestamp: every one of those given is required. */
function isAccepted(
  trust: TrustMaterial,
  { tlogEntries = [], timestamps = [], ...entity }: Pick<SignedEntity, 'signature'> & Partial<SignedEntity>,
): boolean {
  try {
    new Verifier(trust, {
      tlogThreshold: tlogEntries.length,
      ctlogThreshold: 0,
      timestampThreshold: timestamps.length,
    }).verify({ key: { $case: 'public-key', hint: '' }, ...entity, tlogEntries, timestamps });
    return true;
  } catch {
    return false; // the library answers "no" by throwing, and not only its own errors
  }
}
