import { createHash, timingSafeEqual } from 'node:crypto';
import type { Bundle } from '@sigstore/bundle';
import { HashAlgorithm } from '@sigstore/protobuf-specs';
import type { BundleCandidate } from '../../../core/model/index.ts';
import type { Attached } from './annotations.ts';
import { readBundleJson } from './bundle-json.ts';
import { openEnvelope } from './envelope.ts';
import type { Covered, SignedCandidate, SignedMaterial } from './material.ts';

/** Takes apart a sigstore bundle that says something about an image: a DSSE envelope around an in-toto statement. */
export function readBundle({ json }: Pick<BundleCandidate, 'json'>): SignedCandidate | string {
  const read = readBundleJson(json);
  if (typeof read === 'string') return read;
  const { content } = read.bundle;
  if (content.$case !== 'dsseEnvelope') return 'over a file, not over an image';
  return openEnvelope(content.dsseEnvelope, attachedTo(read.bundle, read.shipped));
}

/** Takes apart a bundle over a file: a signature over the file itself, which is not in the bundle. */
export function readMessageSignature(
  bundle: Bundle,
  shipped: readonly Buffer[],
  file: Covered,
): SignedMaterial | string {
  if (bundle.content.$case !== 'messageSignature') return 'over a statement, not over a file';
  const { signature, messageDigest } = bundle.content.messageSignature;
  // The digest in the bundle is a hint nobody signed; one that lies says that something is wrong.
  const actual = hashOf(file, messageDigest.algorithm);
  if (actual !== undefined && !isEqual(actual, messageDigest.digest)) return 'about another file';
  const attached = attachedTo(bundle, shipped);
  return { ...attached, signature, covered: file, payload: file, timestamped: signature };
}

function attachedTo({ verificationMaterial }: Bundle, shipped: readonly Buffer[]): Attached {
  const { content, tlogEntries, timestampVerificationData } = verificationMaterial;
  return {
    ...(content.$case === 'certificate' && { certificate: content.certificate.rawBytes }),
    shipped,
    entries: tlogEntries,
    timestamps: (timestampVerificationData?.rfc3161Timestamps ?? []).map((one) => one.signedTimestamp),
    unreadable: [],
  };
}

const ALGORITHMS: Readonly<Partial<Record<HashAlgorithm, string>>> = {
  [HashAlgorithm.SHA2_256]: 'sha256',
  [HashAlgorithm.SHA2_384]: 'sha384',
  [HashAlgorithm.SHA2_512]: 'sha512',
};

/** The hash of the file; `undefined` when it is another than the one known of it. */
function hashOf(file: Covered, algorithm: HashAlgorithm): Buffer | undefined {
  const name = ALGORITHMS[algorithm] ?? 'sha256';
  if ('bytes' in file) return createHash(name).update(file.bytes).digest();
  return name === 'sha256' ? file.sha256 : undefined;
}

function isEqual(a: Buffer, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
