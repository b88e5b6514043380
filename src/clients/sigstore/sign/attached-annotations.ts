import { X509Certificate } from 'node:crypto';
import type { Bundle, TransparencyLogEntry } from '@sigstore/bundle';
import type { Annotations } from '../../../core/model/index.ts';
import { ANNOTATION } from '../verify/annotations.ts';

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

/** The first timestamp of a bundle, DER. */
export function timestampOf({ verificationMaterial }: Bundle): Uint8Array | undefined {
  return verificationMaterial.timestampVerificationData?.rfc3161Timestamps[0]?.signedTimestamp;
}

function certificateOf(content: Bundle['verificationMaterial']['content']): Buffer | undefined {
  switch (content.$case) {
    case 'certificate':
      return content.certificate.rawBytes;
    case 'x509CertificateChain':
      return content.x509CertificateChain.certificates[0]?.rawBytes;
    case 'publicKey':
      return undefined;
  }
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
