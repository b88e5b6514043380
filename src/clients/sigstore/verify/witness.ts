import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import type { TransparencyLogEntry } from '@sigstore/bundle';
import { RFC3161Timestamp } from '@sigstore/core';
import { type SignedEntity, type TrustMaterial, Verifier } from '@sigstore/verify';
import { objectOf, type ProvenSignature } from '../../../core/model/index.ts';
import { parsePayload, splitPem } from '../encodings.ts';
import { provenContent, type SignedMaterial, type RootMaterial, trustOnly } from './material.ts';

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

/** Asks a root what it has seen of a signature. */
export function askWitness(root: RootMaterial, material: SignedMaterial, by: MadeBy): Witness {
  const log = findInLogs(material, by, root);
  const stamps = findTimestamps(material, by.key, root);
  return {
    root,
    logged: log.found,
    timestamped: stamps.found,
    times: distinct([...log.times, ...stamps.times]),
    complaints: [log.why, stamps.why].filter((why) => why !== undefined).concat(material.unreadable),
  };
}

/** What the witnesses add to a proven signature. */
export function attest(seen: readonly Witness[]): Pick<ProvenSignature, 'loggedBy' | 'timestampedBy'> {
  const rootsOf = (one: readonly Witness[]): readonly string[] => [
    ...new Set(one.map(({ root }) => root.fingerprint)),
  ];
  return {
    loggedBy: rootsOf(seen.filter(({ logged }) => logged)),
    timestampedBy: rootsOf(seen.filter(({ timestamped }) => timestamped)),
  };
}

/** The earliest moment: "made at the latest then". */
export function earliest(times: readonly Date[]): Date | undefined {
  return times.toSorted((a, b) => a.getTime() - b.getTime())[0];
}

function distinct(times: readonly Date[]): readonly Date[] {
  return [...new Set(times.map((time) => time.getTime()))].map((time) => new Date(time));
}

/** Who made a signature, or who verifies it as a log entry says. */
interface MadeBy {
  readonly key: KeyObject;
  /** DER, where it is a certificate and not only a key. */
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

/** Where each kind of entry keeps the verifier. Kinds not named here (`rekord`, `intoto` 0.0.1) prove nothing. */
const PLACES: Readonly<Record<string, readonly string[]>> = {
  'hashedrekord 0.0.1': ['spec', 'signature', 'publicKey', 'content'],
  'dsse 0.0.1': ['spec', 'signatures', '0', 'verifier'],
  'intoto 0.0.2': ['spec', 'content', 'envelope', 'signatures', '0', 'publicKey'],
  'hashedrekord 0.0.2': ['spec', 'hashedRekordV002', 'signature', 'verifier'],
  'dsse 0.0.2': ['spec', 'dsseV002', 'signatures', '0', 'verifier'],
};

/**
 * The verifier that a log entry names, or `undefined`. The library compares signature and hash of an entry, but not this:
 * an entry with another signer's key would do (a part of CVE-2026-22703).
 */
function entryVerifier({ kindVersion, canonicalizedBody }: TransparencyLogEntry): MadeBy | undefined {
  const place = PLACES[`${kindVersion.kind} ${kindVersion.version}`];
  if (place === undefined) return undefined;
  const found = place.reduce((value: unknown, name) => at(value, name), parsePayload(canonicalizedBody));
  try {
    return typeof found === 'string' ? fromPem(Buffer.from(found, 'base64').toString()) : fromDer(found);
  } catch {
    return undefined; // no key and no certificate that OpenSSL can read
  }
}

function at(value: unknown, name: string): unknown {
  return Array.isArray(value) && value.length !== 1 ? undefined : objectOf(value)[name];
}

function fromPem(text: string): MadeBy | undefined {
  const [block, ...more] = splitPem(text);
  if (!block || more.length > 0) return undefined;
  return block.label === 'CERTIFICATE' ? fromCertificate(block.der) : fromKey(block.der);
}

function fromDer(verifier: unknown): MadeBy | undefined {
  const { publicKey, x509Certificate } = objectOf(verifier);
  const [key, certificate] = [objectOf(publicKey).rawBytes, objectOf(x509Certificate).rawBytes];
  if (typeof key === 'string') return fromKey(Buffer.from(key, 'base64'));
  return typeof certificate === 'string' ? fromCertificate(Buffer.from(certificate, 'base64')) : undefined;
}

function fromKey(der: Buffer): MadeBy {
  return { key: createPublicKey({ key: der, format: 'der', type: 'spki' }) };
}

function fromCertificate(der: Buffer): MadeBy {
  const { publicKey, raw } = new X509Certificate(der);
  return { key: publicKey, certificate: raw };
}
