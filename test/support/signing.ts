import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import type { Annotations, Digest, KeyKind, PublicKey } from '../../src/core/model/index.ts';

/** A key pair made for one test run, with the public half as policies hold it. */
export interface SigningKey extends PublicKey {
  readonly privateKey: KeyObject;
}

/** Layer annotation that carries a cosign signature. */
export const SIGNATURE_ANNOTATION = 'dev.cosignproject.cosign/signature';
/** Predicate type by which cosign 3 says "I signed this image". */
export const SIGN_PREDICATE_TYPE = 'https://sigstore.dev/cosign/sign/v1';
/** Media type of the bundles made here. */
export const BUNDLE_MEDIA_TYPE = 'application/vnd.dev.sigstore.bundle.v0.3+json';

const IN_TOTO = 'application/vnd.in-toto+json';

/** The hash cosign signs with today, by kind of key; Ed25519 hashes by itself. */
const HASH: Readonly<Record<KeyKind, string | null>> = {
  'ecdsa-p256': 'sha256',
  'ecdsa-p384': 'sha384',
  'ecdsa-p521': 'sha512',
  rsa: 'sha256',
  ed25519: null,
};

/** Makes a key pair; RSA with 2,048 bits. */
export function signingKey(kind: KeyKind = 'ecdsa-p256'): SigningKey {
  return asSigningKey(kind, keyPair(kind));
}

/** An RSA key of 1,024 bits, which no verifier should accept. */
export function weakKey(): SigningKey {
  return asSigningKey('rsa', generateKeyPairSync('rsa', { modulusLength: 1024 }));
}

function asSigningKey(kind: KeyKind, { publicKey, privateKey }: ReturnType<typeof keyPair>): SigningKey {
  const der = publicKey.export({ type: 'spki', format: 'der' });
  return {
    kind,
    privateKey,
    pem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    fingerprint: createHash('sha256').update(der).digest('hex'),
  };
}

function keyPair(kind: KeyKind): { publicKey: KeyObject; privateKey: KeyObject } {
  if (kind === 'rsa') return generateKeyPairSync('rsa', { modulusLength: 2048 });
  if (kind === 'ed25519') return generateKeyPairSync('ed25519');
  const namedCurve = { 'ecdsa-p256': 'P-256', 'ecdsa-p384': 'P-384', 'ecdsa-p521': 'P-521' }[kind];
  return generateKeyPairSync('ec', { namedCurve });
}

export interface SimpleSigningRequest {
  readonly digest: Digest;
  readonly key: SigningKey;
  /** What the signer adds (`optional` in the payload). */
  readonly annotations?: Annotations;
  /** Another hash than the one cosign picks today, e.g. `sha256` with P-384 as older ones did. */
  readonly hash?: string;
}

/** A layer of cosign's `.sig` manifest: the payload, and the annotations of its descriptor. */
export interface SignatureLayer {
  readonly payload: Uint8Array;
  readonly annotations: Annotations;
}

/** Signs a digest as cosign 2 does: a simple-signing payload, with the signature in an annotation of its layer. */
export function simpleSigning({ key, hash, ...about }: SimpleSigningRequest): SignatureLayer {
  return signedLayer(simpleSigningPayload(about), key, hash);
}

/** What such a signature covers: the payload that names the image. */
export function simpleSigningPayload({
  digest,
  annotations,
}: Pick<SimpleSigningRequest, 'digest' | 'annotations'>): Uint8Array {
  return encode({
    critical: {
      identity: { 'docker-reference': '' },
      image: { 'docker-manifest-digest': digest },
      type: 'cosign container image signature',
    },
    optional: annotations ?? null,
  });
}

/** Any payload as a signed layer, also an invalid one. */
export function signedLayer(payload: Uint8Array, key: SigningKey, hash?: string): SignatureLayer {
  const signature = signWith(key, payload, hash).toString('base64');
  return { payload, annotations: { [SIGNATURE_ANNOTATION]: signature } };
}

export interface StatementRequest {
  readonly digest: Digest;
  readonly key: SigningKey;
  readonly predicateType: string;
  readonly predicate?: unknown;
  /** Annotations of the subject, where cosign 3 keeps those of the signer. */
  readonly annotations?: Annotations;
}

/** A v0.3 sigstore bundle, as JSON, around a signed in-toto statement about a digest. */
export function statementBundle({ key, ...about }: StatementRequest): Uint8Array {
  return dsseBundle({ payload: statement(about), key });
}

/** An in-toto statement about a digest, as JSON. */
export function statement({
  digest,
  predicateType,
  predicate = {},
  annotations,
}: Omit<StatementRequest, 'key'>): Uint8Array {
  const [algorithm = '', hex = ''] = digest.split(':');
  return encode({
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ digest: { [algorithm]: hex }, ...(annotations && { annotations }) }],
    predicateType,
    predicate,
  });
}

/** Any payload as a signed DSSE envelope in a bundle, also an invalid one. */
export function dsseBundle(request: {
  readonly payload: Uint8Array;
  readonly key: SigningKey;
  readonly payloadType?: string;
}): Uint8Array {
  const { payload, key, payloadType = IN_TOTO } = request;
  const sig = signWith(key, preAuthEncoding(payloadType, payload)).toString('base64');
  return encode({
    mediaType: BUNDLE_MEDIA_TYPE,
    verificationMaterial: { publicKey: { hint: '' } },
    dsseEnvelope: {
      payload: Buffer.from(payload).toString('base64'),
      payloadType,
      signatures: [{ sig, keyid: '' }],
    },
  });
}

/** Signs bytes with a key, by default with the hash that cosign picks for it today. */
export function signWith(key: SigningKey, data: Uint8Array, hash = HASH[key.kind]): Buffer {
  return sign(hash, data, key.privateKey);
}

/** DSSE's pre-authentication encoding: what is really signed (DSSE protocol, "Signature Definition"). */
export function preAuthEncoding(type: string, payload: Uint8Array): Uint8Array {
  const head = `DSSEv1 ${Buffer.byteLength(type)} ${type} ${payload.length} `;
  return Buffer.concat([Buffer.from(head), payload]);
}

function encode(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}
