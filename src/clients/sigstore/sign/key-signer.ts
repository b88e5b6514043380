import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { digestOf, parsed, type Parsed } from '../../../core/model/index.ts';
import type {
  ArtifactSigner,
  SignedRecord,
  Statement,
  WrittenStatement,
} from '../../../core/promotion/index.ts';
import { isSignedBy, signingHash } from '../verify/key-signature.ts';
import { readCandidate } from '../verify/verifier.ts';
import {
  attestationAnnotations,
  BUNDLE_MEDIA_TYPE,
  payloadOf,
  signatureAnnotation,
  signStatementAbout,
  simpleSigningPayload,
} from './claims.ts';
import { emptyEnvelope, signedBytes, signElsewhere, withPayload } from './envelope.ts';
import { type PrivateKey, type PrivateKeyText, readPrivateKey } from './private-key.ts';

/**
 * Opens a private key to sign with: an encrypted cosign key with its password, or a plain one. ECDSA P-256, P-384 and P-521,
 * each with the hash of its size, RSA (PKCS #1 v1.5) of 2048 bits or more, Ed25519. Problems name the field (`pem`,
 * `password`) and repeat nothing of either. The signer signs without the network, and keeps the main thread a few milliseconds at most; its name is the SHA-256
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
  const signBytes = (bytes: Uint8Array): Promise<Buffer> => signElsewhere(signingHash(kind), bytes, key);
  const seal = async (statement: Statement | WrittenStatement) => {
    const payload = payloadOf(statement);
    const dsseEnvelope = emptyEnvelope(await signBytes(await signedBytes(payload)));
    const verificationMaterial = { publicKey: { hint } };
    const bundle = { mediaType: BUNDLE_MEDIA_TYPE, verificationMaterial, dsseEnvelope };
    return { bundle: await withPayload(bundle, payload), layer: await withPayload(dsseEnvelope, payload) };
  };
  return {
    name: fingerprint.toString('hex'),
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    signImage: async (image, annotations) => {
      const layer = simpleSigningPayload(image, annotations);
      const { bundle } = await seal(signStatementAbout(image, annotations));
      return { bundle, layer, layerAnnotations: signatureAnnotation(await signBytes(layer)) };
    },
    signStatement: async (statement) => ({
      ...(await seal(statement)),
      layerAnnotations: attestationAnnotations(statement.predicateType),
    }),
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
