import * as z from 'zod';
import type { Digest, SignedClaim, SimpleSigningCandidate } from '../../../core/model/index.ts';
import { readAttached, signatureOf } from './annotations.ts';
import { parseJson } from '../json.ts';
import type { SignedCandidate } from './material.ts';
import { textOnly } from './statement.ts';

/** Largest payload in bytes; real ones have a few hundred. */
const MAX_PAYLOAD_BYTES = 128 * 1024;

const payloadSchema = z.object({
  critical: z.object({
    type: z.literal('cosign container image signature'),
    image: z.object({ 'docker-manifest-digest': z.string() }),
  }),
  optional: z.record(z.string(), z.unknown()).nullish(),
});

/** Takes apart a cosign `.sig` layer: the signature covers the payload as it is. */
export function readSimpleSigning({
  payload,
  annotations,
}: SimpleSigningCandidate): SignedCandidate | string {
  const signature = signatureOf(annotations);
  if (signature.length === 0) return 'without a signature in its annotation';
  if (payload.length > MAX_PAYLOAD_BYTES) return `with a payload of ${payload.length} bytes`;
  const attached = readAttached(annotations);
  if (typeof attached === 'string') return attached;
  const covered = { bytes: payload };
  return {
    material: { ...attached, signature, covered, payload: covered, timestamped: signature },
    read: (digest) => readPayload(payload, digest),
  };
}

/**
 * Only the payload names the image: a manifest copied under another image's tag still verifies, so the digest inside
 * decides (CVE-2022-23649 is of this family). A payload that cannot be read is a failure (CVE-2026-39395).
 */
function readPayload(payload: Uint8Array, digest: Digest): SignedClaim | string {
  const claims = payloadSchema.safeParse(parseJson(payload));
  if (!claims.success) return 'with a payload that cannot be read';
  if (claims.data.critical.image['docker-manifest-digest'] !== digest) return 'about another digest';
  return { kind: 'signature', annotations: textOnly(claims.data.optional ?? {}) };
}
