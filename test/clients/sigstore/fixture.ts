// Verifies candidates from one manifest attached to one image.
import {
  digestOf,
  type Digest,
  type PublicKey,
  type Signature,
  type SignatureCandidate,
  type Trust,
} from '../../../src/core/model/index.ts';
import { encodeBundle, type Layer } from '../../support/sigstore/sign.ts';
import { openSignatureVerifier } from '../../support/threads.ts';

export const image = digestOf('image');
/** The manifest of every candidate. */
export const carrier = digestOf('carrier');

export function keysOnly(...keys: readonly PublicKey[]): Trust {
  return { keys, roots: [] };
}

export function signatureLayer({ bytes, annotations }: Layer): SignatureCandidate {
  return { form: 'simple-signing', digest: carrier, payload: bytes, annotations };
}

export function attestationLayer({ bytes, annotations }: Layer): SignatureCandidate {
  return { form: 'envelope', digest: carrier, json: bytes, annotations };
}

export function bundled(bundle: object): SignatureCandidate {
  return { form: 'bundle', digest: carrier, json: encodeBundle(bundle) };
}

/** One verifier for the tests of a file, with threads that end with them. */
export function openVerifier(): (
  candidate: SignatureCandidate,
  trust: Trust,
  digest?: Digest,
) => Promise<Signature> {
  let verifier: ReturnType<typeof openSignatureVerifier>;
  before(() => {
    verifier = openSignatureVerifier();
  });
  after(() => verifier.close());
  return async (candidate, trust, digest = image) => {
    const [first, ...more] = await verifier.verify(candidate, digest, trust);
    if (!first || more.length > 0) throw new Error(`${more.length} more answers than one`);
    return first;
  };
}

/** Why a signature does not count, or the state it is in instead. */
export function whyNot(signature: Signature): string {
  if (signature.state === 'unproven') return signature.why;
  return signature.state === 'unread' ? `unread: ${signature.reason.detail}` : signature.state;
}
