import { createHash, createPublicKey, type KeyObject, sign } from 'node:crypto';
import { dsse } from '@sigstore/core';
import { digestOf, parsed, type Parsed } from '../../../core/model/index.ts';
import type {
  ArtifactSigner,
  SignedRecord,
  Statement,
  WrittenStatement,
} from '../../../core/promotion/index.ts';
import { isSignedBy, signingHash } from '../verify/key-signature.ts';
import { STATEMENT_PAYLOAD_TYPE } from '../verify/statement.ts';
import { readCandidate } from '../verify/verifier.ts';
import {
  attestationAnnotations,
  BUNDLE_MEDIA_TYPE,
  envelopeJson,
  jsonBytes,
  payloadOf,
  signatureAnnotation,
  signStatementAbout,
  simpleSigningPayload,
} from './claims.ts';
import { type PrivateKey, type PrivateKeyText, readPrivateKey } from './private-key.ts';

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
  const seal = (statement: Statement | WrittenStatement): object => {
    const payload = payloadOf(statement);
    return envelopeJson(payload, signBytes(dsse.preAuthEncoding(STATEMENT_PAYLOAD_TYPE, payload)));
  };
  const bundle = (dsseEnvelope: object): Uint8Array =>
    jsonBytes({ mediaType: BUNDLE_MEDIA_TYPE, verificationMaterial: { publicKey: { hint } }, dsseEnvelope });
  // Signing with a key at hand takes under a millisecond; only the interface is asynchronous.
  return {
    name: fingerprint.toString('hex'),
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    signImage: (image, annotations) => {
      const layer = simpleSigningPayload(image, annotations);
      return Promise.resolve({
        bundle: bundle(seal(signStatementAbout(image, annotations))),
        layer,
        layerAnnotations: signatureAnnotation(signBytes(layer)),
      });
    },
    signStatement: (statement) => {
      const envelope = seal(statement);
      return Promise.resolve({
        bundle: bundle(envelope),
        layer: jsonBytes(envelope),
        layerAnnotations: attestationAnnotations(statement.predicateType),
      });
    },
    made: (record) => isMadeBy(publicKey, record),
  };
}

/**
 * Whether this key signed a record. Anyone with push access can claim any signer; without this check they could keep a
 * signature from being made by putting a forged one in its place.
 */
function isMadeBy(key: KeyObject, record: SignedRecord): boolean {
  const nowhere = { digest: digestOf(''), annotations: {} }; // what it is about plays no part
  const read = readCandidate({ ...nowhere, ...record });
  try {
    return typeof read !== 'string' && isSignedBy(read.material, key);
  } catch {
    return false; // a signature of another shape is not ours
  }
}
