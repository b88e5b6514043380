// Signs as cosign does, with a key or with a certificate, and has it logged and timestamped.
import type { Annotations, Digest } from '../../../src/core/model/index.ts';
import {
  preAuthEncoding,
  SIGN_PREDICATE_TYPE,
  SIGNATURE_ANNOTATION,
  signWith,
  simpleSigningPayload,
  statement,
  type SigningKey,
} from '../signing.ts';
import { bundleEntry, entryAnnotation, entryBody, type BundleEntry, type EntryKind } from './entries.ts';
import type { Sigstore } from './instance.ts';

/** The signer: a key alone, or a key with its certificate and chain (all DER). */
export interface Maker {
  readonly key: SigningKey;
  readonly certificate?: Buffer | undefined;
  readonly chain?: readonly Buffer[];
}

/** The logs and authorities that record the signature. */
export interface Seen {
  /** The kind of the log entry; `false` for none. Default: what cosign writes for this form. */
  readonly logged?: EntryKind | false;
  /** Default `false`. */
  readonly timestamped?: boolean;
  /** Default `signedAt` of the Sigstore. */
  readonly at?: Date;
  /** Another verifier (PEM) than the maker named in the log entry. */
  readonly loggedAs?: string;
  /** Another hash in the log entry than sha256. */
  readonly hash?: string;
}

/** A layer of a `.sig` or `.att` manifest. */
export interface Layer {
  readonly bytes: Buffer;
  readonly annotations: Annotations;
}

export type SignRequest = Maker &
  Seen & {
    readonly digest: Digest;
    readonly predicateType?: string;
    readonly predicate?: unknown;
    /** Any payload instead of the one about `digest`. */
    readonly payload?: Uint8Array;
  };

/** Signs a digest as `cosign sign` of the first generation: the layer of a `.sig` manifest. */
export async function signLayer(sigstore: Sigstore, request: SignRequest): Promise<Layer> {
  const payload = request.payload ?? simpleSigningPayload({ digest: request.digest });
  const signature = signWith(request.key, payload);
  const over = { data: payload, payload, signature };
  const attached = await annotationsOf(sigstore, {
    ...request,
    ...over,
    kind: 'hashedrekord 0.0.1',
    timestamp: signature,
  });
  return {
    bytes: Buffer.from(payload),
    annotations: { [SIGNATURE_ANNOTATION]: signature.toString('base64'), ...attached },
  };
}

/** Signs a statement as `cosign attest` of the first generation: the layer of an `.att` manifest. */
export async function signEnvelope(sigstore: Sigstore, request: SignRequest): Promise<Layer> {
  const { over, envelope } = sealed(request);
  const bytes = Buffer.from(JSON.stringify(envelope));
  const attached = await annotationsOf(sigstore, {
    ...request,
    ...over,
    kind: 'dsse 0.0.1',
    timestamp: bytes,
  });
  return { bytes, annotations: { [SIGNATURE_ANNOTATION]: '', ...attached } };
}

/** A bundle, with the parts the tests change. */
export interface BundleJson {
  mediaType: string;
  verificationMaterial: {
    certificate?: { rawBytes: string };
    x509CertificateChain?: { certificates: { rawBytes: string }[] };
    publicKey?: { hint: string };
    tlogEntries: BundleEntry[];
    timestampVerificationData: { rfc3161Timestamps: { signedTimestamp: string }[] };
  };
  dsseEnvelope?: { payload: string; payloadType: string; signatures: { sig: string; keyid: string }[] };
  messageSignature?: { messageDigest: { algorithm: string; digest: string }; signature: string };
}

export type BundleVersion = '0.1' | '0.2' | '0.3';

export type BundleRequest = SignRequest & {
  readonly version?: BundleVersion;
  /** Signs this file by itself rather than a statement about the digest. */
  readonly file?: Uint8Array;
};

/** Signs a statement about a digest, or a file, as a sigstore bundle. */
export async function signBundle(sigstore: Sigstore, request: BundleRequest): Promise<BundleJson> {
  const { version = '0.3', file, at = sigstore.signedAt } = request;
  const { over, content } = file ? loose(request, file) : enveloped(request);
  const timestamp = request.timestamped ? [await sigstore.timestamp(over.signature, at)] : [];
  return {
    mediaType: mediaTypeOf(version),
    verificationMaterial: {
      ...keyMaterial(request, version),
      tlogEntries: await entriesOf(sigstore, { ...request, version, over }),
      timestampVerificationData: {
        rfc3161Timestamps: timestamp.map((der) => ({ signedTimestamp: der.toString('base64') })),
      },
    },
    ...content,
  };
}

async function entriesOf(
  sigstore: Sigstore,
  request: BundleRequest & { readonly version: BundleVersion; readonly over: Over },
): Promise<BundleEntry[]> {
  const { logged, file, version, over, at } = request;
  const kind = logged ?? (file ? 'hashedrekord 0.0.1' : 'dsse 0.0.1');
  if (kind === false) return [];
  const entry = await sigstore.log(entryBody(kind, { ...over, ...named(request) }), at);
  const isSecondGeneration = kind === 'hashedrekord 0.0.2' || kind === 'dsse 0.0.2';
  return [bundleEntry(entry, { promise: !isSecondGeneration, proof: version !== '0.1' })];
}

/** Bytes of a bundle. */
export function encodeBundle(bundle: object): Buffer {
  return Buffer.from(JSON.stringify(bundle));
}

/** PEM of a certificate. */
export function certificatePem(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}

interface Over {
  readonly data: Uint8Array;
  readonly payload: Uint8Array;
  readonly signature: Buffer;
}

function sealed(request: SignRequest): { over: Over; envelope: NonNullable<BundleJson['dsseEnvelope']> } {
  const { digest, predicateType = SIGN_PREDICATE_TYPE, predicate } = request;
  const payload = request.payload ?? statement({ digest, predicateType, predicate });
  const payloadType = 'application/vnd.in-toto+json';
  const data = preAuthEncoding(payloadType, payload);
  const signature = signWith(request.key, data);
  const signatures = [{ sig: signature.toString('base64'), keyid: '' }];
  return {
    over: { data, payload, signature },
    envelope: { payload: Buffer.from(payload).toString('base64'), payloadType, signatures },
  };
}

function enveloped(request: SignRequest): { over: Over; content: Partial<BundleJson> } {
  const { over, envelope } = sealed(request);
  return { over, content: { dsseEnvelope: envelope } };
}

function loose({ key, digest }: SignRequest, file: Uint8Array): { over: Over; content: Partial<BundleJson> } {
  const signature = signWith(key, file);
  const messageDigest = {
    algorithm: 'SHA2_256',
    digest: Buffer.from(digest.slice('sha256:'.length), 'hex').toString('base64'),
  };
  return {
    over: { data: file, payload: file, signature },
    content: { messageSignature: { messageDigest, signature: signature.toString('base64') } },
  };
}

function named({ key, certificate, loggedAs, hash }: Maker & Seen): { verifier: string; hash?: string } {
  const verifier = loggedAs ?? (certificate ? certificatePem(certificate) : key.pem);
  return { verifier, ...(hash !== undefined && { hash }) };
}

async function annotationsOf(
  sigstore: Sigstore,
  request: Maker & Seen & Over & { readonly kind: EntryKind; readonly timestamp: Uint8Array },
): Promise<Annotations> {
  const { certificate, chain, logged, kind, at = sigstore.signedAt } = request;
  const entry =
    logged !== false &&
    (await sigstore.log(entryBody(logged ?? kind, { ...request, ...named(request) }), at));
  const timestamp = request.timestamped && (await sigstore.timestamp(request.timestamp, at));
  const SignedRFC3161Timestamp = timestamp ? timestamp.toString('base64') : '';
  return {
    ...(certificate && { 'dev.sigstore.cosign/certificate': certificatePem(certificate) }),
    ...(chain && { 'dev.sigstore.cosign/chain': chain.map(certificatePem).join('') }),
    ...(entry && { 'dev.sigstore.cosign/bundle': entryAnnotation(entry) }),
    ...(timestamp && { 'dev.sigstore.cosign/rfc3161timestamp': JSON.stringify({ SignedRFC3161Timestamp }) }),
  };
}

function keyMaterial(
  { key, certificate, chain }: Maker,
  version: BundleVersion,
): Partial<BundleJson['verificationMaterial']> {
  if (!certificate) return { publicKey: { hint: Buffer.from(key.fingerprint, 'hex').toString('base64') } };
  const all = [certificate, ...(chain ?? [])].map((der) => ({ rawBytes: der.toString('base64') }));
  if (version === '0.3' && !chain) return { certificate: { rawBytes: certificate.toString('base64') } };
  return { x509CertificateChain: { certificates: all } };
}

function mediaTypeOf(version: BundleVersion): string {
  return version === '0.3'
    ? 'application/vnd.dev.sigstore.bundle.v0.3+json'
    : `application/vnd.dev.sigstore.bundle+json;version=${version}`;
}
