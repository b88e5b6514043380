import type { TransparencyLogEntry } from '@sigstore/bundle';
import * as z from 'zod';
import type { Annotations } from '../../../core/model/index.ts';
import { parsePayload } from '../json.ts';
import { excess, type SignedMaterial } from './material.ts';
import { splitPem } from '../pem.ts';

/** Layer annotations of cosign's first generation (cosign SIGNATURE_SPEC). */
export const ANNOTATION = {
  signature: 'dev.cosignproject.cosign/signature',
  certificate: 'dev.sigstore.cosign/certificate',
  chain: 'dev.sigstore.cosign/chain',
  entry: 'dev.sigstore.cosign/bundle',
  timestamp: 'dev.sigstore.cosign/rfc3161timestamp',
} as const;

const entrySchema = z.object({
  SignedEntryTimestamp: z.base64().min(1),
  Payload: z.object({
    body: z.base64().min(1),
    integratedTime: z.int().nonnegative(),
    logIndex: z.int().nonnegative(),
    logID: z.string().regex(/^[0-9a-f]{64}$/),
  }),
});
const bodySchema = z.object({ kind: z.string(), apiVersion: z.string() });
const timestampSchema = z.object({ SignedRFC3161Timestamp: z.base64().min(1) });

/** What the annotations of a layer bring to its signature. */
export type Attached = Pick<
  SignedMaterial,
  'certificate' | 'shipped' | 'entries' | 'timestamps' | 'unreadable'
>;

/** The signature itself; empty when there is none, and always for `.att` layers, whose envelope holds it. */
export function signatureOf(annotations: Annotations): Buffer {
  return Buffer.from(annotations[ANNOTATION.signature] ?? '', 'base64');
}

/** Certificate, chain, log entry and timestamp of a layer, or one clause why its certificates cannot be used. */
export function readAttached(annotations: Annotations): Attached | string {
  const certificate = readCertificate(annotations[ANNOTATION.certificate]);
  if (typeof certificate === 'string') return certificate;
  const chain = splitPem(annotations[ANNOTATION.chain] ?? '');
  const tooMuch = excess({ entries: 0, timestamps: 0, certificates: chain.length });
  if (tooMuch !== undefined) return tooMuch;
  const entry = piece(annotations[ANNOTATION.entry], readEntry, 'its log entry cannot be read');
  const timestamp = piece(annotations[ANNOTATION.timestamp], readTimestamp, 'its timestamp cannot be read');
  return {
    ...(certificate && { certificate }),
    shipped: chain.filter(({ label }) => label === 'CERTIFICATE').map(({ der }) => der),
    entries: entry.read,
    timestamps: timestamp.read,
    unreadable: [...entry.unreadable, ...timestamp.unreadable],
  };
}

interface Piece<T> {
  readonly read: readonly T[];
  readonly unreadable: readonly string[];
}

/** cosign leaves an annotation empty where it has nothing to say. */
function piece<T>(text: string | undefined, read: (text: string) => T | undefined, why: string): Piece<T> {
  if (text === undefined || text === '') return { read: [], unreadable: [] };
  const value = read(text);
  return value === undefined ? { read: [], unreadable: [why] } : { read: [value], unreadable: [] };
}

function readCertificate(text: string | undefined): Buffer | string | undefined {
  if (text === undefined || text === '') return undefined;
  const [first, ...more] = splitPem(text);
  if (first?.label === 'PUBLIC KEY') return 'with a public key where its certificate belongs';
  if (first?.label !== 'CERTIFICATE') return 'with a certificate that cannot be read';
  return more.length === 0 ? first.der : 'with several certificates where its own one belongs';
}

function readEntry(text: string): TransparencyLogEntry | undefined {
  const read = entrySchema.safeParse(parsePayload(Buffer.from(text)));
  if (!read.success) return undefined;
  const { SignedEntryTimestamp, Payload } = read.data;
  const canonicalizedBody = Buffer.from(Payload.body, 'base64');
  const body = bodySchema.safeParse(parsePayload(canonicalizedBody));
  if (!body.success) return undefined;
  return {
    logIndex: String(Payload.logIndex),
    logId: { keyId: Buffer.from(Payload.logID, 'hex') },
    kindVersion: { kind: body.data.kind, version: body.data.apiVersion },
    integratedTime: String(Payload.integratedTime),
    inclusionPromise: { signedEntryTimestamp: Buffer.from(SignedEntryTimestamp, 'base64') },
    inclusionProof: undefined,
    canonicalizedBody,
  };
}

function readTimestamp(text: string): Buffer | undefined {
  const read = timestampSchema.safeParse(parsePayload(Buffer.from(text)));
  return read.success ? Buffer.from(read.data.SignedRFC3161Timestamp, 'base64') : undefined;
}
