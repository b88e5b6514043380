import {
  digestAlgorithm,
  digestHex,
  pin,
  type Digest,
  type ImageRef,
  type ManifestContent,
} from '../model/index.ts';
import { RELEASE_PREDICATE_TYPE } from '../policy/index.ts';
import type { ArtifactSigner, SourceRegistry } from './ports.ts';
import { findBundle, SIGN_PREDICATE_TYPE } from './records/bundle-artifact.ts';
import { findCosignLayer, type CosignLayerClaims } from './records/cosign-tag.ts';
import type { SignSpec } from './schema.ts';

/** Where traces are looked for, and whose. */
export interface TracesParts {
  readonly target: SourceRegistry;
  /** The repository at the target. */
  readonly to: ImageRef;
  readonly signer: Pick<ArtifactSigner, 'name'>;
  readonly format: SignSpec['format'];
}

/**
 * Whether an image at the target has what a promotion that signs leaves there: the signature and the release of its signer. It
 * costs one listing, or with `Legacy` two manifests. What is found are claims, which anybody who can push may forge: that makes
 * the promotion pass such an image over, and nobody sign it. What a signature proves, admission asks by itself.
 */
export async function hasReleaseRecords(
  { target, to, signer: { name: signer }, format }: TracesParts,
  digest: Digest,
  signal: AbortSignal,
): Promise<boolean> {
  if (format !== 'Legacy') {
    const listed = await target.referrers(pin(to, digest), signal);
    return [SIGN_PREDICATE_TYPE, RELEASE_PREDICATE_TYPE].every(
      (predicateType) => findBundle(listed, { predicateType, signer }) !== undefined,
    );
  }
  const under = (suffix: CosignLayerClaims['suffix']): Promise<ManifestContent | undefined> => {
    const tag = `${digestAlgorithm(digest)}-${digestHex(digest)}.${suffix}`;
    return target.content({ registry: to.registry, repository: to.repository, tag }, signal);
  };
  const [signatures, statements] = await Promise.all([under('sig'), under('att')]);
  return (
    holds(signatures, { suffix: 'sig', signer }) &&
    holds(statements, { suffix: 'att', signer, predicateType: RELEASE_PREDICATE_TYPE })
  );
}

function holds(content: ManifestContent | undefined, claims: CosignLayerClaims): boolean {
  return content !== undefined && findCosignLayer(content.manifest, claims) !== undefined;
}
