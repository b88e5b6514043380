// Puts signatures and release statements next to images in any registry, in the places and forms cosign uses.
import type { Digest } from '../../src/core/model/index.ts';
import { pushManifest, pushReferrer, pushBlob, type Pushed, type Target } from './registry/push.ts';
import {
  BUNDLE_MEDIA_TYPE,
  SIGN_PREDICATE_TYPE,
  simpleSigning,
  statementBundle,
  type SigningKey,
} from './signing.ts';

/** Predicate type of the statement that lifts a quarantine flag. */
export const RELEASE_PREDICATE_TYPE = 'https://pratique.dev/release/v1';

const SIMPLE_SIGNING = 'application/vnd.dev.cosign.simplesigning.v1+json';

/** Signs an image as cosign 2 does: a manifest under the tag `sha256-<hex>.sig`. */
export async function pushLegacySignature(target: Target, image: Pushed, key: SigningKey): Promise<void> {
  const { payload, annotations } = simpleSigning({ digest: image.digest as Digest, key });
  const config = await pushBlob(target, {
    mediaType: 'application/vnd.oci.image.config.v1+json',
    bytes: '{}',
  });
  const layer = await pushBlob(target, { mediaType: SIMPLE_SIGNING, bytes: payload, annotations });
  const tag = `${image.digest.replace(':', '-')}.sig`;
  await pushManifest(
    { ...target, tag },
    { schemaVersion: 2, mediaType: 'application/vnd.oci.image.manifest.v1+json', config, layers: [layer] },
  );
}

/** Signs an image as cosign 3 does: a sigstore bundle as a referrer. */
export function pushBundleSignature(target: Target, image: Pushed, key: SigningKey): Promise<Pushed> {
  return pushStatement(target, image, { key, predicateType: SIGN_PREDICATE_TYPE });
}

/** Attaches a signed in-toto statement about an image, as a bundle. */
export function pushStatement(
  target: Target,
  image: Pushed,
  {
    key,
    predicateType,
    predicate,
  }: { readonly key: SigningKey; readonly predicateType: string; readonly predicate?: unknown },
): Promise<Pushed> {
  const bytes = statementBundle({ digest: image.digest as Digest, key, predicateType, predicate });
  return pushReferrer(target, {
    subject: image,
    artifactType: BUNDLE_MEDIA_TYPE,
    annotations: {
      'dev.sigstore.bundle.content': 'dsse-envelope',
      'dev.sigstore.bundle.predicateType': predicateType,
    },
    blobs: [{ mediaType: BUNDLE_MEDIA_TYPE, bytes }],
  });
}
