import * as z from 'zod';
import { digestOf, type Digest } from '../../model/index.ts';

/*
 * What we claim about signed records on the manifests and layers that carry them, so that we find them again without opening
 * and verifying each. Anyone who can push can write the same: the signature alone proves who signed, and what.
 */

/** Who signed: {@link ArtifactSigner.name}. */
export const SIGNER_ANNOTATION = 'dev.pratique.signer';
/** The digest of the statement inside; signatures made twice by one key differ in their bytes, what they cover does not. */
export const STATEMENT_ANNOTATION = 'dev.pratique.statement';

const envelope = z.object({ payload: z.base64() });
const bundle = z.object({ dsseEnvelope: envelope });

/** The digest of the statement inside a bundle. Throws when there is none: signers make no others. */
export function statementInBundle(json: Uint8Array): Digest {
  return payloadDigest(bundle.parse(parse(json)).dsseEnvelope);
}

/** The digest of the statement inside an envelope. Throws when there is none: signers make no others. */
export function statementInEnvelope(json: Uint8Array): Digest {
  return payloadDigest(envelope.parse(parse(json)));
}

function payloadDigest({ payload }: z.output<typeof envelope>): Digest {
  return digestOf(Uint8Array.from(atob(payload), (character) => character.charCodeAt(0)));
}

function parse(json: Uint8Array): unknown {
  return JSON.parse(new TextDecoder().decode(json));
}
