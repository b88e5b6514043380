import {
  digestAlgorithm,
  digestHex,
  nameOf,
  type Annotations,
  type PinnedRef,
} from '../../../core/model/index.ts';
import type { Statement } from '../../../core/promotion/index.ts';
import { COSIGN_SIGN } from '../verify/statement.ts';

/** "I signed this image" as cosign says it up to its second generation: the payload of a `.sig` layer (cosign SIGNATURE_SPEC). */
export function simpleSigningPayload(image: PinnedRef, annotations: Annotations): Buffer {
  const payload = {
    critical: {
      identity: { 'docker-reference': nameOf(image) },
      image: { 'docker-manifest-digest': image.digest },
      type: 'cosign container image signature',
    },
    optional: hasAny(annotations) ? sorted(annotations) : null,
  };
  return Buffer.from(JSON.stringify(payload));
}

/** The same as cosign 3 says it: a statement without content, with the signer's annotations on its subject. */
export function signStatementAbout({ digest }: PinnedRef, annotations: Annotations): Statement {
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [
      {
        digest: { [digestAlgorithm(digest)]: digestHex(digest) },
        ...(hasAny(annotations) && { annotations: sorted(annotations) }),
      },
    ],
    predicateType: COSIGN_SIGN,
    predicate: {},
  };
}

function hasAny(annotations: Annotations): boolean {
  return Object.keys(annotations).length > 0;
}

/** One order whatever the caller's, as Go writes maps: the same claim is the same bytes. */
function sorted(annotations: Annotations): Annotations {
  return Object.fromEntries(Object.entries(annotations).sort(([a], [b]) => (a < b ? -1 : 1)));
}
