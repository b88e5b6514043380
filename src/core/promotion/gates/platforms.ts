import { isIndexType, type Descriptor, type Digest, type Manifest } from '../../model/index.ts';

/** One platform of an image: what a node would pull. */
export interface ImagePlatform {
  /** E.g. `linux/arm64/v8`; empty where the image does not say. */
  readonly platform: string;
  readonly digest: Digest;
}

/** Annotation by which BuildKit marks children of an index that are statements about a platform, and which one. */
const BUILDKIT_KIND = 'vnd.docker.reference.type';
const BUILDKIT_SUBJECT = 'vnd.docker.reference.digest';
const BUILDKIT_STATEMENTS = 'attestation-manifest';
/** What BuildKit says of the platform of its statements. */
const NO_PLATFORM = 'unknown/unknown';

/** Everything of an image that a node could run; an image that is no index is its own only platform. */
export function platformsOf(manifest: Manifest): readonly ImagePlatform[] {
  if (!isIndexType(manifest.mediaType)) return [{ platform: '', digest: manifest.digest }];
  return manifest.manifests
    .filter((child) => !isStatements(child))
    .map((child) => ({ platform: nameOf(child), digest: child.digest }));
}

/** The children of an index in which BuildKit put statements about one of its platforms. */
export function statementsInIndex(manifest: Manifest, platform: Digest): readonly Digest[] {
  return manifest.manifests
    .filter((child) => isStatements(child) && child.annotations[BUILDKIT_SUBJECT] === platform)
    .map(({ digest }) => digest);
}

/** The mark alone is only a claim: a child that names a platform is one that a node may run, marked or not. */
function isStatements(child: Descriptor): boolean {
  const marked = child.annotations[BUILDKIT_KIND] === BUILDKIT_STATEMENTS;
  return marked && (child.platform === undefined || nameOf(child) === NO_PLATFORM);
}

function nameOf({ platform }: Descriptor): string {
  if (platform === undefined) return '';
  const { os, architecture, variant } = platform;
  return [os, architecture, variant].filter((part) => part !== undefined && part !== '').join('/');
}
