import { dsse } from '@sigstore/core';
import * as z from 'zod';
import type {
  Digest,
  EnvelopeCandidate,
  SignedClaim,
  SimpleSigningCandidate,
} from '../../../core/model/index.ts';
import { parsePayload } from '../json.ts';
import { type Attached, readAttached, signatureOf } from './annotations.ts';
import { MAX_JSON_BYTES, type SignedCandidate } from './material.ts';
import { readStatement, STATEMENT_PAYLOAD_TYPE, textOnly } from './statement.ts';

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
export function readSimpleSigning({
  payload,
  annotations,
}: SimpleSigningCandidate): SignedCandidate | string {
  const signature = signatureOf(annotations);
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

/**
 * Takes apart a cosign `.att` layer. Its timestamp covers the envelope as it lies in the registry, not the signature
 * inside it as elsewhere.
 */
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
  const material = {
    ...attached,
    signature: first.sig,
    covered: { bytes: dsse.preAuthEncoding(payloadType, payload) },
    payload: { bytes: payload },
    timestamped: timestamped ?? first.sig,
  };
  return { material, read: (digest) => readStatement(payload, digest) };
}
