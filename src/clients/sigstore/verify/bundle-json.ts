import { bundleFromJSON, type Bundle } from '@sigstore/bundle';
import * as z from 'zod';
import { parseJson } from '../json.ts';
import { excess, MAX_JSON_BYTES } from './material.ts';

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
export interface ReadBundle {
  readonly bundle: Bundle;
  readonly shipped: readonly Buffer[];
}

/** The bundle, or one clause why it is none. */
export function readBundleJson(json: Uint8Array): ReadBundle | string {
  if (json.length > MAX_JSON_BYTES) return `in a bundle of ${json.length} bytes`;
  const body = parseJson(json);
  if (typeof body !== 'object' || body === null) return 'in a bundle that is not JSON';
  if (!('mediaType' in body) || !KNOWN_BUNDLES.has(body.mediaType))
    return 'in a bundle of an unknown version';
  const read = shape.safeParse(body);
  if (!read.success) return 'in a bundle that cannot be read';
  return tooMuchIn(read.data) ?? decode(read.data);
}

/** Counted before the library reads any of it. */
function tooMuchIn({
  verificationMaterial: material,
  dsseEnvelope,
}: z.output<typeof shape>): string | undefined {
  const { tlogEntries, timestampVerificationData: timestamps, x509CertificateChain: chain } = material;
  const count = (list: readonly unknown[] | null | undefined) => list?.length ?? 0;
  if (dsseEnvelope && dsseEnvelope.signatures.length !== 1)
    return `with ${dsseEnvelope.signatures.length} signatures in one envelope`;
  return excess({
    entries: count(tlogEntries),
    timestamps: count(timestamps?.rfc3161Timestamps),
    certificates: count(chain?.certificates),
  });
}

/**
 * Some signers write a whole chain also in v0.3, where only the leaf is allowed. The rest is kept as what it is:
 * certificates that a stranger shipped.
 */
function decode({ verificationMaterial, ...rest }: z.output<typeof shape>): ReadBundle | string {
  const { x509CertificateChain: chain, ...material } = verificationMaterial;
  const certificates = z.array(certificate).safeParse(chain?.certificates ?? []);
  if (!certificates.success) return 'in a bundle that cannot be read';
  const [leaf, ...shipped] = certificates.data;
  try {
    const bundle = bundleFromJSON({
      ...rest,
      verificationMaterial: { ...material, ...(leaf && { certificate: leaf }) },
    });
    return { bundle, shipped: shipped.map(({ rawBytes }) => Buffer.from(rawBytes, 'base64')) };
  } catch {
    return 'in a bundle that cannot be read'; // the library throws its own and plain TypeErrors alike
  }
}
