// One image in an in-memory registry, policies about it, and signatures of it.
import type { Digest } from '../../../src/core/model/index.ts';
import { authority, policyOf } from '../policies.ts';
import { SIGN_PREDICATE_TYPE, signingKey, statementBundle } from '../signing.ts';
import { createBench } from '../verification.ts';

/** The repository of the image. */
export const WEB = 'registry.example.com/shop/web';
/** The key of the authority `release`. */
export const key = signingKey();
/** Requires a signature by {@link key}. */
export const signed = policyOf({
  authorities: [authority('release', key)],
  require: { signatures: { from: ['release'] } },
});
/** Requires that nothing is in quarantine. */
export const quarantine = policyOf({ require: { quarantine: {} } }, 'held');

/** A new bench with one image, tagged `1`. */
export function fixture() {
  const made = createBench();
  const digest = made.registry.push(WEB, { tag: '1' });
  return { ...made, digest, image: `${WEB}@${digest}` };
}

/** A bundle that says that a key signed an image. */
export function signature(digest: Digest, signer = key): Uint8Array {
  return statementBundle({ digest, key: signer, predicateType: SIGN_PREDICATE_TYPE });
}
