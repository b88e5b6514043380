import { createHash, generateKeyPairSync } from 'node:crypto';
import { initializeCTLog } from '@sigstore/mock/dist/fulcio/ctlog.js';
import { initializeTLog } from '@sigstore/mock/dist/rekor/tlog.js';
import { initializeTSA } from '@sigstore/mock/dist/timestamp/tsa.js';
import type { TrustRoot } from '../../../src/core/model/index.ts';
import { createIssuer, issueLeaf, type Certified, type Issuer, type LeafRequest } from './fulcio.ts';
import { trustRootJson, type TrustRootJson } from './trust-root.ts';

// Not the index of @sigstore/mock: it loads nock, which replaces every HTTP client of the process.

/** An entry as Rekor answers it. */
export interface RekorEntry {
  readonly body: string;
  readonly integratedTime: number;
  readonly logID: string;
  readonly logIndex: number;
  readonly verification: {
    readonly signedEntryTimestamp: string;
    readonly inclusionProof: {
      readonly logIndex: number;
      readonly treeSize: number;
      readonly rootHash: string;
      readonly hashes: readonly string[];
      readonly checkpoint: string;
    };
  };
}

/** A private Sigstore: certificate authority, certificate log, transparency log, timestamp authority. */
export interface Sigstore {
  /** What a policy trusts of it. */
  readonly root: TrustRoot;
  /** The same as JSON, to be changed and made a root of again by `asTrustRoot`. */
  readonly rootJson: TrustRootJson;
  /** When everything is signed, logged and timestamped by default: a whole second. */
  readonly signedAt: Date;
  /** The root of the authority, and the intermediate that issues; only the root is in `root`. */
  readonly authority: { readonly root: Issuer; readonly intermediate: Issuer };
  /** Issues a certificate, valid for five minutes around `signedAt`, by the root by default. */
  certify(request?: Partial<LeafRequest>): Promise<Certified>;
  /** Takes an entry into the transparency log. */
  log(body: object, at?: Date): Promise<RekorEntry>;
  /** Timestamps bytes (RFC 3161), by default with SHA-256. */
  timestamp(over: Uint8Array, at?: Date): Promise<Buffer>;
  /** The same over bytes of which only the SHA-256 is known. */
  timestampHash(sha256: Uint8Array, at?: Date): Promise<Buffer>;
}

export interface SigstoreOptions {
  /** Parts that the trust root leaves out. */
  readonly without?: readonly ('certificateLog' | 'transparencyLog' | 'timestampAuthority' | 'authority')[];
}

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const LOG_URL = 'https://rekor.sigstore.test';

/** Makes a Sigstore within this process; all of its keys are new. */
export async function createSigstore({ without = [] }: SigstoreOptions = {}): Promise<Sigstore> {
  const keys = { log: ecKeys(), certificateLog: ecKeys(), timestamps: ecKeys() };
  const certificateLog = await initializeCTLog(keys.certificateLog);
  const timestamps = await initializeTSA(keys.timestamps);
  // A little later than the certificate of the timestamp authority, which begins now; without milliseconds, because
  // the library reads no fraction but one of three digits.
  const signedAt = new Date(Math.ceil(Date.now() / 1000) * 1000 + MINUTE_MS);
  const long = { from: before(signedAt, 400 * DAY_MS), to: after(signedAt, 400 * DAY_MS) };
  const root = await createIssuer({ name: 'root', ...long });
  const intermediate = await createIssuer({ name: 'intermediate', by: root, ...long });
  const leaves = { from: before(signedAt, 5 * MINUTE_MS), to: after(signedAt, 5 * MINUTE_MS) };
  const has = (part: (typeof without)[number]) => !without.includes(part);
  const rootJson = trustRootJson({
    from: long.from,
    ...(has('authority') && { authority: [root.der] }),
    ...(has('transparencyLog') && { log: { url: LOG_URL, key: spki(keys.log) } }),
    ...(has('certificateLog') && { certificateLog: certificateLog.publicKey }),
    ...(has('timestampAuthority') && {
      timestampAuthority: [bytesOf(timestamps.intCertificate), bytesOf(timestamps.rootCertificate)],
    }),
  });
  const timestampHash = async (sha256: Uint8Array, at = signedAt): Promise<Buffer> => {
    const authority = await initializeTSA(keys.timestamps, at);
    return bytesOf(
      await authority.timestamp({
        artifactHash: Buffer.from(sha256),
        hashAlgorithmOID: '2.16.840.1.101.3.4.2.1',
        nonce: 1,
        policyOID: '1.3.6.1.4.1.57264.2',
      }),
    );
  };
  return {
    root: asTrustRoot(rootJson),
    rootJson,
    signedAt,
    authority: { root, intermediate },
    certify: (request = {}) => issueLeaf({ by: root, log: certificateLog, ...leaves, ...request }),
    log: async (body, at = signedAt) => {
      const log = await initializeTLog(LOG_URL, keys.log, at);
      const answer: unknown = await log.log(body);
      const [entry] = Object.values(answer as Record<string, RekorEntry>);
      if (!entry) throw new Error('the log answered without an entry');
      return entry;
    },
    timestamp: (over, at) => timestampHash(createHash('sha256').update(over).digest(), at),
    timestampHash,
  };
}

/** A trust root as policies hold it, also an invalid one. */
export function asTrustRoot(json: object): TrustRoot {
  const text = JSON.stringify(json);
  return { json: text, fingerprint: createHash('sha256').update(text).digest('hex') };
}

export function before(date: Date, ms: number): Date {
  return new Date(date.getTime() - ms);
}

export function after(date: Date, ms: number): Date {
  return new Date(date.getTime() + ms);
}

function ecKeys() {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

function spki({ publicKey }: ReturnType<typeof ecKeys>): Buffer {
  return publicKey.export({ type: 'spki', format: 'der' });
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView<ArrayBuffer>): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
