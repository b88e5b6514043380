import { bundleFromJSON, type Bundle } from '@sigstore/bundle';
import { dsse } from '@sigstore/core';
import type { BundleCandidate, Digest, PublicKey, Signature } from '../../core/model/index.ts';
import { signerOf } from './signed-data.ts';
import { parseJson, readStatement, STATEMENT_PAYLOAD_TYPE } from './statement.ts';

/** The bundle versions that are understood; the library itself would take any `vX.Y`. */
const KNOWN_BUNDLES: ReadonlySet<unknown> = new Set([
  'application/vnd.dev.sigstore.bundle+json;version=0.1',
  'application/vnd.dev.sigstore.bundle+json;version=0.2',
  'application/vnd.dev.sigstore.bundle+json;version=0.3',
  'application/vnd.dev.sigstore.bundle.v0.3+json',
]);

/** Verifies a sigstore bundle that was made with a key: a DSSE envelope around an in-toto statement about the image. */
export function verifyBundle(
  { digest: at, json }: BundleCandidate,
  digest: Digest,
  keys: readonly PublicKey[],
): Signature {
  const unproven = (why: string): Signature => ({ state: 'unproven', digest: at, why });
  const bundle = readBundle(json);
  if (typeof bundle === 'string') return unproven(bundle);
  const { content, verificationMaterial } = bundle;
  if (verificationMaterial.content.$case !== 'publicKey')
    return unproven('made with a certificate, not with a key');
  if (content.$case !== 'dsseEnvelope') return unproven('over a file, not over an image');
  const { payload, payloadType, signatures } = content.dsseEnvelope;
  const [first, ...more] = signatures;
  if (!first || more.length > 0)
    return unproven(`with ${String(signatures.length)} signatures in one envelope`);
  if (payloadType !== STATEMENT_PAYLOAD_TYPE) return unproven('over something that is no in-toto statement');
  const data = dsse.preAuthEncoding(payloadType, payload);
  const signer = signerOf({ data, signature: first.sig }, keys);
  if (!signer) return unproven('made by another key');
  const says = readStatement(payload, digest);
  if (typeof says === 'string') return unproven(says);
  return { state: 'proven', digest: at, provenBy: signer.fingerprint, says };
}

/** The bundle, or one clause why it is none. */
function readBundle(json: Uint8Array): Bundle | string {
  const body = parseJson(json);
  if (typeof body !== 'object' || body === null) return 'in a bundle that is not JSON';
  if (!('mediaType' in body) || !KNOWN_BUNDLES.has(body.mediaType))
    return 'in a bundle of an unknown version';
  try {
    return bundleFromJSON(body);
  } catch {
    return 'in a bundle that cannot be read'; // the library throws its own and plain TypeErrors alike
  }
}
