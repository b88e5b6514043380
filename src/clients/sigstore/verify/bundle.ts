import { createHash } from 'node:crypto';
import { type Bundle, bundleFromJSON } from '@sigstore/bundle';
import { HashAlgorithm } from '@sigstore/protobuf-specs';
import * as z from 'zod';
import { objectOf, type BundleCandidate } from '../../../core/model/index.ts';
import { parsePayload } from '../encodings.ts';
import { openEnvelope, type Attached } from './cosign-layer.ts';
import {
  type Covered,
  excess,
  isEqual,
  MAX_JSON_BYTES,
  type SignedCandidate,
  type SignedMaterial,
} from './material.ts';

/** Takes apart a sigstore bundle about an image: a DSSE envelope around an in-toto statement. */
export function readBundle({ json }: Pick<BundleCandidate, 'json'>): SignedCandidate | string {
  const read = readBundleJson(json);
  if (typeof read === 'string') return read;
  const { content } = read.bundle;
  if (content.$case !== 'dsseEnvelope') return 'over a file, not over an image';
  return openEnvelope(content.dsseEnvelope, attachedTo(read));
}

/** Takes apart a bundle over a file: a signature over the file itself, which is not in the bundle. */
export function readMessageSignature(read: ReadBundle, file: Covered): SignedMaterial | string {
  const { bundle } = read;
  if (bundle.content.$case !== 'messageSignature') return 'over a statement, not over a file';
  const { signature, messageDigest } = bundle.content.messageSignature;
  // The digest in the bundle is an unsigned hint; a wrong one means that something is wrong.
  const actual = hashOf(file, messageDigest.algorithm);
  if (actual !== undefined && !isEqual(actual, messageDigest.digest)) return 'about another file';
  return { ...attachedTo(read), signature, covered: file, payload: file, timestamped: signature };
}

function attachedTo({ bundle, shipped }: ReadBundle): Attached {
  const { content, tlogEntries, timestampVerificationData } = bundle.verificationMaterial;
  return {
    certificate: content.$case === 'certificate' ? content.certificate.rawBytes : undefined,
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

/** The bundle versions that are understood; the library itself would take any `vX.Y`. */
const KNOWN_BUNDLES: ReadonlySet<unknown> = new Set([
  'application/vnd.dev.sigstore.bundle+json;version=0.1',
  'application/vnd.dev.sigstore.bundle+json;version=0.2',
  'application/vnd.dev.sigstore.bundle+json;version=0.3',
  'application/vnd.dev.sigstore.bundle.v0.3+json',
]);

/** As much of a bundle as has to be known before the library may read it. */
const shape = z.looseObject({
  verificationMaterial: z.looseObject({
    x509CertificateChain: z.looseObject({ certificates: z.array(z.unknown()) }).optional(),
    tlogEntries: z.array(z.unknown()).nullish(),
    timestampVerificationData: z.looseObject({ rfc3161Timestamps: z.array(z.unknown()).nullish() }).nullish(),
  }),
  dsseEnvelope: z.looseObject({ signatures: z.array(z.unknown()) }).optional(),
});

const certificate = z.object({ rawBytes: z.string() });

/** A bundle with the certificates it ships besides the signer's own. */
interface ReadBundle {
  readonly bundle: Bundle;
  readonly shipped: readonly Buffer[];
}

/** The bundle, or one clause why it is none. */
export function readBundleJson(json: Uint8Array): ReadBundle | string {
  if (json.length > MAX_JSON_BYTES) return `in a bundle of ${json.length} bytes`;
  const body = parsePayload(json);
  if (typeof body !== 'object' || body === null) return 'in a bundle that is not JSON';
  if (!KNOWN_BUNDLES.has(objectOf(body).mediaType)) return 'in a bundle of an unknown version';
  const read = shape.safeParse(body);
  if (!read.success) return 'in a bundle that cannot be read';
  return tooMuchIn(read.data) ?? decode(read.data);
}

/** Counted before the library reads any of it. */
function tooMuchIn({ verificationMaterial, dsseEnvelope }: z.output<typeof shape>): string | undefined {
  const { tlogEntries, timestampVerificationData, x509CertificateChain } = verificationMaterial;
  if (dsseEnvelope && dsseEnvelope.signatures.length !== 1)
    return `with ${dsseEnvelope.signatures.length} signatures in one envelope`;
  return excess({
    entries: tlogEntries?.length,
    timestamps: timestampVerificationData?.rfc3161Timestamps?.length,
    certificates: x509CertificateChain?.certificates.length,
  });
}

/** Some signers write a whole chain also in v0.3, where only the leaf is allowed; the rest is kept as shipped by a stranger. */
function decode({ verificationMaterial, ...rest }: z.output<typeof shape>): ReadBundle | string {
  const { x509CertificateChain: chain, ...material } = verificationMaterial;
  const certificates = z.array(certificate).safeParse(chain?.certificates ?? []);
  if (!certificates.success) return 'in a bundle that cannot be read';
  const [leaf, ...shipped] = certificates.data;
  try {
    const bundle = bundleFromJSON({
      ...rest,
      verificationMaterial: leaf ? { ...material, certificate: leaf } : material,
    });
    return { bundle, shipped: shipped.map(({ rawBytes }) => Buffer.from(rawBytes, 'base64')) };
  } catch {
    return 'in a bundle that cannot be read'; // the library throws its own and plain TypeErrors alike
  }
}
