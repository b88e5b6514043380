import type { Annotations } from '../../../core/model/index.ts';
import { ANNOTATION } from '../verify/annotations.ts';
import { STATEMENT_PAYLOAD_TYPE } from '../verify/statement.ts';

/** The bundle that is written, as cosign 3 does. */
export const BUNDLE_MEDIA_TYPE = 'application/vnd.dev.sigstore.bundle.v0.3+json';

/** A DSSE envelope around a statement, as JSON spells it (DSSE protocol, "Envelope"). */
export function envelopeJson(payload: Buffer, signature: Buffer): object {
  return {
    payload: payload.toString('base64'),
    payloadType: STATEMENT_PAYLOAD_TYPE,
    signatures: [{ sig: signature.toString('base64') }],
  };
}

/** Where a `.sig` layer carries its signature. */
export function signatureAnnotation(signature: Buffer): Annotations {
  return { [ANNOTATION.signature]: signature.toString('base64') };
}

/** What cosign writes on an `.att` layer: no signature, which is in the envelope, and what it attests. */
export function attestationAnnotations(predicateType: string): Annotations {
  return { [ANNOTATION.signature]: '', predicateType };
}
