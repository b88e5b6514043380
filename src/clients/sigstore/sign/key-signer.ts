import { createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { dsse } from '@sigstore/core';
import * as z from 'zod';
import { type KeyKind, parsed, type Parsed } from '../../../core/model/index.ts';
import type {
  ArtifactSigner,
  SignedContent,
  SignedRecord,
  Statement,
} from '../../../core/promotion/index.ts';
import {
  attestationAnnotations,
  BUNDLE_MEDIA_TYPE,
  envelopeJson,
  signatureAnnotation,
  signStatementAbout,
  simpleSigningPayload,
} from './claims.ts';
import { type PrivateKey, type PrivateKeyText, readPrivateKey } from './private-key.ts';
import { ANNOTATION } from '../verify/annotations.ts';
import { parsePayload } from '../json.ts';
import { signingHash } from '../verify/key-signature.ts';
import { STATEMENT_PAYLOAD_TYPE } from '../verify/statement.ts';

/**
 * Opens a private key to sign with: an encrypted cosign key with its password, or a plain one. ECDSA P-256, P-384 and P-521,
 * each with the hash of its size, RSA (PKCS #1 v1.5) of 2048 bits or more, Ed25519. Problems name the field (`pem`,
 * `password`) and repeat nothing of either. The signer signs within a millisecond, without the network; its name is the SHA-256
 * of the public key (DER), lower-case hex.
 */
export async function openKeySigner(text: PrivateKeyText): Promise<Parsed<ArtifactSigner>> {
  const read = await readPrivateKey(text);
  return read.ok ? parsed(signerWith(read.value)) : read;
}

function signerWith({ key, kind }: PrivateKey): ArtifactSigner {
  const publicKey = createPublicKey(key);
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const fingerprint = createHash('sha256').update(spki).digest();
  // Cosign finds the key of a bundle by this hint.
  const hint = fingerprint.toString('base64');
  const signBytes = (bytes: Uint8Array): Buffer => sign(signingHash(kind), bytes, key);
  const seal = (statement: Statement) => {
    const payload = Buffer.from(JSON.stringify(statement));
    const signature = signBytes(dsse.preAuthEncoding(STATEMENT_PAYLOAD_TYPE, payload));
    return envelopeJson(payload, signature);
  };
  const bundle = (envelope: object): Uint8Array =>
    json({
      mediaType: BUNDLE_MEDIA_TYPE,
      verificationMaterial: { publicKey: { hint } },
      dsseEnvelope: envelope,
    });
  return {
    name: fingerprint.toString('hex'),
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    signImage: (image, annotations) => {
      const layer = simpleSigningPayload(image, annotations);
      return settled({
        bundle: bundle(seal(signStatementAbout(image, annotations))),
        layer,
        layerAnnotations: signatureAnnotation(signBytes(layer)),
      });
    },
    signStatement: (statement) => {
      const envelope = seal(statement);
      return settled({
        bundle: bundle(envelope),
        layer: json(envelope),
        layerAnnotations: attestationAnnotations(statement.predicateType),
      });
    },
    made: (record) => isMadeBy(publicKey, kind, record),
  };
}

function json(value: object): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}

/** Signing with a key at hand takes under a millisecond; only the port is asynchronous. */
function settled(content: SignedContent): Promise<SignedContent> {
  return Promise.resolve(content);
}

const envelope = z.object({
  payloadType: z.literal(STATEMENT_PAYLOAD_TYPE),
  payload: z.base64(),
  signatures: z.array(z.object({ sig: z.base64() })).length(1),
});
const bundle = z.object({ dsseEnvelope: envelope });

/**
 * Whether this key signed a record. Anyone with push access can claim any signer; without this check they could keep a
 * signature from being made by putting a forged one in its place.
 */
function isMadeBy(key: KeyObject, kind: KeyKind, record: SignedRecord): boolean {
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
  const value = parsePayload(json);
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
