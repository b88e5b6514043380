import { verify, type KeyObject } from 'node:crypto';
import { dsse } from '@sigstore/core';
import * as z from 'zod';
import type { KeyKind } from '../../../core/model/index.ts';
import type { SignedRecord } from '../../../core/promotion/index.ts';
import { signingHash } from '../verify/key-signature.ts';
import { STATEMENT_PAYLOAD_TYPE } from '../verify/statement.ts';
import { ANNOTATION } from '../verify/annotations.ts';

const envelope = z.object({
  payloadType: z.literal(STATEMENT_PAYLOAD_TYPE),
  payload: z.base64(),
  signatures: z.array(z.object({ sig: z.base64() })).length(1),
});
const bundle = z.object({ dsseEnvelope: envelope });

/**
 * Whether this key signed a record. What a record says of its signer anybody can write; without this look somebody could keep a
 * signature from being made by putting a forged one in its place.
 */
export function isMadeBy(key: KeyObject, kind: KeyKind, record: SignedRecord): boolean {
  const signed = record.form === 'simple-signing' ? layerIn(record) : envelopeIn(record);
  if (!signed) return false;
  try {
    return verify(signingHash(kind), signed.bytes, key, signed.signature);
  } catch {
    return false; // a signature of another shape is not ours
  }
}

interface Signed {
  readonly bytes: Uint8Array;
  readonly signature: Uint8Array;
}

function layerIn({
  payload,
  annotations,
}: Extract<SignedRecord, { form: 'simple-signing' }>): Signed | undefined {
  const signature = annotations[ANNOTATION.signature];
  return signature === undefined
    ? undefined
    : { bytes: payload, signature: Buffer.from(signature, 'base64') };
}

function envelopeIn({ form, json }: Extract<SignedRecord, { json: Uint8Array }>): Signed | undefined {
  const value = parseJson(json);
  const read =
    form === 'bundle' ? bundle.safeParse(value).data?.dsseEnvelope : envelope.safeParse(value).data;
  const [first] = read?.signatures ?? [];
  if (!read || !first) return undefined;
  const payload = Buffer.from(read.payload, 'base64');
  return {
    bytes: dsse.preAuthEncoding(read.payloadType, payload),
    signature: Buffer.from(first.sig, 'base64'),
  };
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as unknown;
  } catch {
    return undefined; // no schema here accepts it
  }
}
