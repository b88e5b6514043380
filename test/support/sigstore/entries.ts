import { createHash } from 'node:crypto';
import type { RekorEntry } from './instance.ts';

/** The kinds of log entries: Rekor's first generation up to 0.0.1 and 0.0.2 of intoto, the second generation 0.0.2. */
export type EntryKind =
  | 'hashedrekord 0.0.1'
  | 'dsse 0.0.1'
  | 'intoto 0.0.2'
  | 'intoto 0.0.1'
  | 'rekord 0.0.1'
  | 'hashedrekord 0.0.2'
  | 'dsse 0.0.2';

/** The content of an entry. */
export interface EntryContent {
  /** The bytes the signature covers. */
  readonly data: Uint8Array;
  /** The payload inside them, for envelopes. */
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
  /** The signer: the PEM of a key or of a certificate. */
  readonly verifier: string;
  /** Default sha256. */
  readonly hash?: string;
}

/** The body of a log entry. */
export function entryBody(
  kind: EntryKind,
  content: EntryContent,
): { kind: string; apiVersion: string; spec: object } {
  const [name = '', apiVersion = ''] = kind.split(' ');
  return { kind: name, apiVersion, spec: SPECS[kind](content) };
}

const base64 = (bytes: Uint8Array | string) => Buffer.from(bytes).toString('base64');

const SPECS: Readonly<Record<EntryKind, (content: EntryContent) => object>> = {
  'hashedrekord 0.0.1': ({ data, signature, verifier, hash = 'sha256' }) => ({
    data: { hash: { algorithm: hash, value: digest(data, hash).toString('hex') } },
    signature: { content: base64(signature), publicKey: { content: base64(verifier) } },
  }),
  'dsse 0.0.1': ({ payload, signature, verifier }) => ({
    payloadHash: { algorithm: 'sha256', value: digest(payload).toString('hex') },
    signatures: [{ signature: base64(signature), verifier: base64(verifier) }],
  }),
  'intoto 0.0.2': ({ payload, signature, verifier }) => ({
    content: {
      envelope: {
        payloadType: 'application/vnd.in-toto+json',
        signatures: [{ sig: base64(base64(signature)), publicKey: base64(verifier) }],
      },
      payloadHash: { algorithm: 'sha256', value: digest(payload).toString('hex') },
    },
  }),
  'intoto 0.0.1': ({ payload, verifier }) => ({
    content: { hash: { algorithm: 'sha256', value: digest(payload).toString('hex') } },
    publicKey: base64(verifier),
  }),
  'rekord 0.0.1': ({ data, signature, verifier }) => ({
    data: { hash: { algorithm: 'sha256', value: digest(data).toString('hex') } },
    signature: { content: base64(signature), format: 'x509', publicKey: { content: base64(verifier) } },
  }),
  'hashedrekord 0.0.2': ({ data, signature, verifier }) => ({
    hashedRekordV002: {
      data: { algorithm: 'SHA2_256', digest: digest(data).toString('base64') },
      signature: { content: base64(signature), verifier: verifierV2(verifier) },
    },
  }),
  'dsse 0.0.2': ({ payload, signature, verifier }) => ({
    dsseV002: {
      payloadHash: { algorithm: 'SHA2_256', digest: digest(payload).toString('base64') },
      signatures: [{ content: base64(signature), verifier: verifierV2(verifier) }],
    },
  }),
};

function verifierV2(pem: string): object {
  const rawBytes = pem.replace(/-----[^-]+-----|\s/g, '');
  const which = pem.includes('CERTIFICATE') ? 'x509Certificate' : 'publicKey';
  return { keyDetails: 'PKIX_ECDSA_P256_SHA_256', [which]: { rawBytes } };
}

function digest(bytes: Uint8Array, algorithm = 'sha256'): Buffer {
  return createHash(algorithm).update(bytes).digest();
}

/** An entry as cosign's annotation `dev.sigstore.cosign/bundle` carries it. */
export function entryAnnotation({ body, integratedTime, logID, logIndex, verification }: RekorEntry): string {
  const Payload = { body, integratedTime, logIndex, logID };
  return JSON.stringify({ SignedEntryTimestamp: verification.signedEntryTimestamp, Payload });
}

/** An entry as a bundle carries it, with the parts the tests change. */
export interface BundleEntry {
  logIndex: string;
  logId: { keyId: string };
  kindVersion: { kind: string; version: string };
  integratedTime: string;
  inclusionPromise?: { signedEntryTimestamp: string };
  inclusionProof?: {
    logIndex: string;
    rootHash: string;
    treeSize: string;
    hashes: string[];
    checkpoint: { envelope: string };
  };
  canonicalizedBody: string;
}

/** Bundles of the first version carry the promise of the log alone, later ones its proof too; Rekor v2 only the proof. */
export function bundleEntry(
  { body, integratedTime, logID, logIndex, verification }: RekorEntry,
  has: { readonly promise: boolean; readonly proof: boolean },
): BundleEntry {
  const { kind, apiVersion } = JSON.parse(Buffer.from(body, 'base64').toString()) as Record<string, string>;
  const { signedEntryTimestamp, inclusionProof: proof } = verification;
  return {
    logIndex: String(logIndex),
    logId: { keyId: Buffer.from(logID, 'hex').toString('base64') },
    kindVersion: { kind: kind ?? '', version: apiVersion ?? '' },
    integratedTime: has.promise ? String(integratedTime) : '0',
    ...(has.promise && { inclusionPromise: { signedEntryTimestamp } }),
    ...(has.proof && {
      inclusionProof: {
        logIndex: String(proof.logIndex),
        rootHash: Buffer.from(proof.rootHash, 'hex').toString('base64'),
        treeSize: String(proof.treeSize),
        hashes: [...proof.hashes],
        checkpoint: { envelope: proof.checkpoint },
      },
    }),
    canonicalizedBody: body,
  };
}
