import { rfc3339, type Descriptor, type Digest } from '../../model/index.ts';
import type { SignedContent } from '../ports.ts';
import { buildArtifact, CREATED, findRecord, type Artifact, type Marks } from './artifact.ts';
import { SIGNER_ANNOTATION, STATEMENT_ANNOTATION, statementInBundle } from './statement.ts';

/** Predicate type by which cosign 3 says "I signed this image". */
export const SIGN_PREDICATE_TYPE = 'https://sigstore.dev/cosign/sign/v1';

const BUNDLE = 'application/vnd.dev.sigstore.bundle.v0.3+json';

/** What a bundle says, and who says it. */
interface BundleClaims {
  readonly predicateType: string;
  /** {@link ArtifactSigner.name} */
  readonly signer: string;
}

/** A signature or signed statement as cosign 3 attaches it: a sigstore bundle that refers to the image. */
export function bundleArtifact(
  { bundle }: Pick<SignedContent, 'bundle'>,
  { subject, at, ...claims }: BundleClaims & { readonly subject: Descriptor; readonly at: Date },
): Artifact {
  const annotations = { ...annotationsOf(claims, statementInBundle(bundle)), [CREATED]: rfc3339(at) };
  return buildArtifact({
    artifactType: BUNDLE,
    subject,
    layers: [{ mediaType: BUNDLE, bytes: bundle }],
    annotations,
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
  return findRecord(referrers, BUNDLE, annotationsOf(claims, statement));
}

function annotationsOf({ predicateType, signer }: BundleClaims, statement: Digest | undefined): Marks {
  return {
    'dev.sigstore.bundle.content': 'dsse-envelope',
    'dev.sigstore.bundle.predicateType': predicateType,
    [SIGNER_ANNOTATION]: signer,
    [STATEMENT_ANNOTATION]: statement,
  };
}
