import { X509Certificate } from 'node:crypto';
import type { Bundle, TransparencyLogEntry } from '@sigstore/bundle';
import {
  type Annotations,
  digestAlgorithm,
  digestHex,
  nameOf,
  type PinnedRef,
} from '../../../core/model/index.ts';
import type { Statement, WrittenStatement } from '../../../core/promotion/index.ts';
import { ANNOTATION } from '../verify/cosign-layer.ts';
import { COSIGN_SIGN } from '../verify/statement.ts';

/** "I signed this image" as cosign says it up to its second generation: the payload of a `.sig` layer (cosign SIGNATURE_SPEC). */
export function simpleSigningPayload(image: PinnedRef, annotations: Annotations): Buffer {
  const payload = {
    critical: {
      identity: { 'docker-reference': nameOf(image) },
      image: { 'docker-manifest-digest': image.digest },
      type: 'cosign container image signature',
    },
    optional: sorted(annotations) ?? null,
  };
  return jsonBytes(payload);
}

/** The same as cosign 3 says it: a statement without content, with the signer's annotations on its subject. */
export function signStatementAbout({ digest }: PinnedRef, annotations: Annotations): Statement {
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ digest: { [digestAlgorithm(digest)]: digestHex(digest) }, annotations: sorted(annotations) }],
    predicateType: COSIGN_SIGN,
    predicate: {},
  };
}

/** In one order whatever the caller's, as Go writes maps: the same claim is the same bytes. Nothing when there are none. */
function sorted(annotations: Annotations): Annotations | undefined {
  const entries = Object.entries(annotations).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

/** A statement as it is signed. */
export function payloadOf(statement: Statement | WrittenStatement): Buffer {
  if (!('json' in statement)) return jsonBytes(statement);
  const { buffer, byteOffset, byteLength } = statement.json;
  return Buffer.from(buffer, byteOffset, byteLength);
}

export function jsonBytes(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

/** The bundle that is written, as cosign 3 does. */
export const BUNDLE_MEDIA_TYPE = 'application/vnd.dev.sigstore.bundle.v0.3+json';

export function signatureAnnotation(signature: Buffer): Annotations {
  return { [ANNOTATION.signature]: signature.toString('base64') };
}

/** What cosign writes on an `.att` layer: no signature, which is in the envelope, and what it attests. */
export function attestationAnnotations(predicateType: string): Annotations {
  return { [ANNOTATION.signature]: '', predicateType };
}

/** What a bundle proves of its signer, as annotations of a layer say it: certificate, log entry, timestamp. */
export function attachedAnnotations(
  { verificationMaterial: { content, tlogEntries } }: Bundle,
  timestamp: Uint8Array | undefined,
): Annotations {
  const certificate = certificateOf(content);
  const [entry] = tlogEntries;
  const promise = entry?.inclusionPromise;
  return {
    ...(certificate && { [ANNOTATION.certificate]: new X509Certificate(certificate).toString() }),
    ...(entry && promise && { [ANNOTATION.entry]: entryJson(entry, promise.signedEntryTimestamp) }),
    ...(timestamp && {
      [ANNOTATION.timestamp]: JSON.stringify({ SignedRFC3161Timestamp: base64(timestamp) }),
    }),
  };
}

export function timestampOf({ verificationMaterial }: Bundle): Uint8Array | undefined {
  return verificationMaterial.timestampVerificationData?.rfc3161Timestamps[0]?.signedTimestamp;
}

function certificateOf(content: Bundle['verificationMaterial']['content']): Buffer | undefined {
  if (content.$case === 'certificate') return content.certificate.rawBytes;
  return content.$case === 'publicKey' ? undefined : content.x509CertificateChain.certificates[0]?.rawBytes;
}

/** The names are those of Go's fields (cosign SIGNATURE_SPEC, "bundle"). */
function entryJson(entry: TransparencyLogEntry, promise: Uint8Array): string {
  return JSON.stringify({
    SignedEntryTimestamp: base64(promise),
    Payload: {
      body: base64(entry.canonicalizedBody),
      integratedTime: Number(entry.integratedTime),
      logIndex: Number(entry.logIndex),
      logID: Buffer.from(entry.logId.keyId).toString('hex'),
    },
  });
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
