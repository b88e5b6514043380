import { type Annotations, type Descriptor, type Digest, rfc3339 } from '../../model/index.ts';
import type { SignedContent } from '../ports.ts';
import { buildArtifact, CREATED, findRecord, type Artifact } from './artifact.ts';
import { SIGNER_ANNOTATION, STATEMENT_ANNOTATION, statementInBundle } from './claims.ts';

/** Predicate type by which cosign 3 says "I signed this image". */
export const SIGN_PREDICATE_TYPE = 'https://sigstore.dev/cosign/sign/v1';

const BUNDLE = 'application/vnd.dev.sigstore.bundle.v0.3+json';

/** What a bundle says, and who says it. */
export interface BundleClaims {
  readonly predicateType: string;
  /** {@link ArtifactSigner.name} */
  readonly signer: string;
}

/** A signature or signed statement as cosign 3 attaches it: a sigstore bundle that refers to the image. */
export function bundleArtifact(
  { bundle }: Pick<SignedContent, 'bundle'>,
  { subject, at, ...claims }: BundleClaims & { readonly subject: Descriptor; readonly at: Date },
): Artifact {
  return buildArtifact({
    artifactType: BUNDLE,
    subject,
    layers: [{ mediaType: BUNDLE, bytes: bundle }],
    annotations: {
      ...annotationsOf(claims),
      [STATEMENT_ANNOTATION]: statementInBundle(bundle),
      [CREATED]: rfc3339(at),
    },
  });
}

/**
 * A bundle among the referrers that claims to be by this signer and of this type; with `statement` only one that claims to
 * hold exactly that (see `statementDigest`).
 */
export function findBundle(
  referrers: readonly Descriptor[],
  { statement, ...claims }: BundleClaims & { readonly statement?: Digest },
): Descriptor | undefined {
  const annotations = {
    ...annotationsOf(claims),
    ...(statement && { [STATEMENT_ANNOTATION]: statement }),
  };
  return findRecord(referrers, { artifactType: BUNDLE, annotations });
}

function annotationsOf({ predicateType, signer }: BundleClaims): Annotations {
  return {
    'dev.sigstore.bundle.content': 'dsse-envelope',
    'dev.sigstore.bundle.predicateType': predicateType,
    [SIGNER_ANNOTATION]: signer,
  };
}
