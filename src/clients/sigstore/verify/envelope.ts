import { dsse } from '@sigstore/core';
import * as z from 'zod';
import type { EnvelopeCandidate } from '../../../core/model/index.ts';
import { readAttached, type Attached } from './annotations.ts';
import { parseJson } from '../json.ts';
import { MAX_JSON_BYTES, type SignedCandidate } from './material.ts';
import { readStatement, STATEMENT_PAYLOAD_TYPE } from './statement.ts';

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
  const read = envelopeSchema.safeParse(parseJson(json));
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
