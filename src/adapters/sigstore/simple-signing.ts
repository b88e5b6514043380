import * as z from 'zod';
import type { Digest, PublicKey, Signature, SimpleSigningCandidate } from '../../core/model/index.ts';
import { signerOf } from './signed-data.ts';
import { parseJson, textOnly } from './statement.ts';

/** Layer annotation that carries the signature (cosign's SIGNATURE_SPEC). */
const SIGNATURE_ANNOTATION = 'dev.cosignproject.cosign/signature';

const payloadSchema = z.object({
  critical: z.object({
    type: z.literal('cosign container image signature'),
    image: z.object({ 'docker-manifest-digest': z.string() }),
  }),
  optional: z.record(z.string(), z.unknown()).nullish(),
});

/**
 * Verifies a cosign `.sig` layer. The signature covers the payload, and only the payload names the image: a manifest
 * copied under another image's tag still verifies, so the digest inside decides (CVE-2022-23649 is of this family).
 * A payload that cannot be read is a failure (CVE-2026-39395).
 */
export function verifySimpleSigning(
  { digest: at, payload, annotations }: SimpleSigningCandidate,
  digest: Digest,
  keys: readonly PublicKey[],
): Signature {
  const unproven = (why: string): Signature => ({ state: 'unproven', digest: at, why });
  const text = annotations[SIGNATURE_ANNOTATION];
  if (text === undefined || text === '') return unproven('without a signature in its annotation');
  const signer = signerOf({ data: payload, signature: Buffer.from(text, 'base64') }, keys);
  if (!signer) return unproven('made by another key');
  const claims = payloadSchema.safeParse(parseJson(payload));
  if (!claims.success) return unproven('with a payload that cannot be read');
  if (claims.data.critical.image['docker-manifest-digest'] !== digest)
    return unproven('about another digest');
  const says = { kind: 'signature', annotations: textOnly(claims.data.optional ?? {}) } as const;
  return { state: 'proven', digest: at, provenBy: signer.fingerprint, says };
}
