import { digestAlgorithm, digestHex, type Digest } from '../../model/index.ts';

/** One of the tags under which cosign stores artifacts about a digest, and the artifact type that they count as. */
export interface CosignTag {
  readonly tag: string;
  readonly artifactType: string;
}

const KINDS = ['sig', 'att', 'sbom'] as const;

/** The tags that cosign looks under for signatures, attestations and SBOMs of a digest. */
export function cosignTags(digest: Digest): readonly CosignTag[] {
  return KINDS.map((kind) => ({
    tag: `${digestAlgorithm(digest)}-${digestHex(digest)}.${kind}`,
    artifactType: `application/vnd.dev.cosign.artifact.${kind}.v1+json`,
  }));
}

/** Whether the layers under this tag can be many: readers of an SBOM expect exactly one. */
export function holdsMany(tag: string): boolean {
  return !tag.endsWith('.sbom');
}
