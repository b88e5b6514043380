import type { TransparencyLogEntry } from '@sigstore/bundle';
import { dsse } from '@sigstore/core';
import * as z from 'zod';
import type {
  Annotations,
  Digest,
  EnvelopeCandidate,
  SignedClaim,
  SimpleSigningCandidate,
} from '../../../core/model/index.ts';
import { parsePayload, splitPem } from '../encodings.ts';
import { excess, MAX_JSON_BYTES, type SignedCandidate, type SignedMaterial } from './material.ts';
import { readStatement, STATEMENT_PAYLOAD_TYPE, textOnly } from './statement.ts';

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
export type Attached = Omit<SignedMaterial, 'signature' | 'covered' | 'payload' | 'timestamped'>;

/** Certificate, chain, log entry and timestamp of a layer, or one clause why its certificates cannot be used. */
function readAttached(annotations: Annotations): Attached | string {
  const certificate = readCertificate(annotations[ANNOTATION.certificate]);
  if (typeof certificate === 'string') return certificate;
  const chain = splitPem(annotations[ANNOTATION.chain] ?? '');
  const tooMuch = excess({ certificates: chain.length });
  if (tooMuch !== undefined) return tooMuch;
  const entries = piece(annotations[ANNOTATION.entry], readEntry);
  const timestamps = piece(annotations[ANNOTATION.timestamp], readTimestamp);
  const badEntry = entries.includes(undefined) ? ['its log entry cannot be read'] : [];
  const badTimestamp = timestamps.includes(undefined) ? ['its timestamp cannot be read'] : [];
  return {
    certificate,
    shipped: chain.filter(({ label }) => label === 'CERTIFICATE').map(({ der }) => der),
    entries: entries.filter((one) => one !== undefined),
    timestamps: timestamps.filter((one) => one !== undefined),
    unreadable: [...badEntry, ...badTimestamp],
  };
}

/** What there is to read; cosign leaves an annotation empty where it has nothing to say. */
function piece<T>(text = '', read: (text: string) => T | undefined): readonly (T | undefined)[] {
  return text === '' ? [] : [read(text)];
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

/** Largest payload in bytes; real ones have a few hundred. */
const MAX_PAYLOAD_BYTES = 128 * 1024;

const payloadSchema = z.object({
  critical: z.object({
    type: z.literal('cosign container image signature'),
    image: z.object({ 'docker-manifest-digest': z.string() }),
  }),
  optional: z.record(z.string(), z.unknown()).nullish(),
});

/** Takes apart a cosign `.sig` layer: the signature covers the payload as it is. */
export function readSimpleSigning(candidate: SimpleSigningCandidate): SignedCandidate | string {
  const { payload, annotations } = candidate;
  // Empty when there is none, and always for `.att` layers, whose envelope holds it.
  const signature = Buffer.from(annotations[ANNOTATION.signature] ?? '', 'base64');
  if (signature.length === 0) return 'without a signature in its annotation';
  if (payload.length > MAX_PAYLOAD_BYTES) return `with a payload of ${payload.length} bytes`;
  const attached = readAttached(annotations);
  if (typeof attached === 'string') return attached;
  const covered = { bytes: payload };
  return {
    material: { ...attached, signature, covered, payload: covered, timestamped: signature },
    read: (digest) => readPayload(payload, digest),
  };
}

/**
 * Only the payload names the image: a manifest copied under another image's tag still verifies, so the digest inside
 * decides (CVE-2022-23649 is of this family). A payload that cannot be read is a failure (CVE-2026-39395).
 */
function readPayload(payload: Uint8Array, digest: Digest): SignedClaim | string {
  const claims = payloadSchema.safeParse(parsePayload(payload));
  if (!claims.success) return 'with a payload that cannot be read';
  if (claims.data.critical.image['docker-manifest-digest'] !== digest) return 'about another digest';
  return { kind: 'signature', annotations: textOnly(claims.data.optional ?? {}) };
}

/** A DSSE envelope whose base64 is decoded. */
export interface Envelope {
  readonly payload: Buffer;
  readonly payloadType: string;
  readonly signatures: readonly { readonly sig: Buffer }[];
}

const bytes = z.string().transform((text) => Buffer.from(text, 'base64'));
const envelopeSchema = z.object({
  payload: bytes,
  payloadType: z.string(),
  signatures: z.array(z.object({ sig: bytes })),
});

/** Takes apart a cosign `.att` layer. Its timestamp covers the envelope as it lies in the registry, not the signature inside. */
export function readEnvelope({ json, annotations }: EnvelopeCandidate): SignedCandidate | string {
  if (json.length > MAX_JSON_BYTES) return `in an envelope of ${json.length} bytes`;
  const read = envelopeSchema.safeParse(parsePayload(json));
  if (!read.success) return 'in an envelope that cannot be read';
  const attached = readAttached(annotations);
  return typeof attached === 'string' ? attached : openEnvelope(read.data, attached, Buffer.from(json));
}

/** The one signature of an envelope over an in-toto statement. `timestamped` defaults to that signature. */
export function openEnvelope(
  { payload, payloadType, signatures }: Envelope,
  attached: Attached,
  timestamped?: Buffer,
): SignedCandidate | string {
  const [first, ...more] = signatures;
  // With several signatures it is undefined which of them certificate, log entry and timestamp belong to.
  if (!first || more.length > 0) return `with ${signatures.length} signatures in one envelope`;
  if (payloadType !== STATEMENT_PAYLOAD_TYPE) return 'over something that is no in-toto statement';
  const bytes = dsse.preAuthEncoding(payloadType, payload);
  // What is signed ends in the payload: one copy of it in memory is enough.
  const said = bytes.subarray(bytes.length - payload.length);
  const material = {
    ...attached,
    signature: first.sig,
    covered: { bytes },
    payload: { bytes: said },
    timestamped: timestamped ?? first.sig,
  };
  return { material, read: (digest) => readStatement(said, digest) };
}
