import * as z from 'zod';
import { digestAlgorithm, formatReference, isIndexType, parseJson } from '../../model/index.ts';
import type { Descriptor, Digest, ManifestContent, PinnedRef, Platform, Reason } from '../../model/index.ts';
import type { SourceRegistry } from '../ports.ts';
import { contentOf } from '../records/artifact.ts';

/** An image cut down to the platforms that are kept. */
export interface KeptPlatforms {
  readonly root: ManifestContent;
  /** Children that are not copied; when there are any, `root` is a new index. */
  readonly dropped: readonly Digest[];
  readonly missing: readonly string[];
}

/** The annotation by which BuildKit names the platform that a child with statements is about. */
const BUILDKIT_SUBJECT = 'vnd.docker.reference.digest';

const body = z.looseObject({ manifests: z.array(z.looseObject({ digest: z.string() })) });
const config = z.object({
  os: z.string(),
  architecture: z.string(),
  variant: z.string().min(1).optional().catch(undefined),
});

/**
 * The index with only the children that are kept, their statements by BuildKit, and nested indexes, which are kept whole. One
 * that loses children is a new index with a new digest: under the old digest it would be sparse, and registries that look
 * refuse that.
 */
export function keepPlatforms(content: ManifestContent, keep: readonly string[]): KeptPlatforms {
  const { manifests } = content.manifest;
  const wanted = new Set<string | undefined>(
    manifests.filter((child) => isKept(child, keep)).map(({ digest }) => digest),
  );
  const dropped = manifests
    .filter(({ digest, annotations }) => !wanted.has(digest) && !wanted.has(annotations[BUILDKIT_SUBJECT]))
    .map(({ digest }) => digest);
  const missing = keep.filter(
    (name) => !manifests.some(({ platform }) => platform && matches(platform, name)),
  );
  return { root: dropped.length > 0 ? rebuild(content, new Set(dropped)) : content, dropped, missing };
}

function isKept({ platform, mediaType }: Descriptor, keep: readonly string[]): boolean {
  if (!platform) return isIndexType(mediaType);
  return keep.some((name) => matches(platform, name));
}

function rebuild({ bytes, manifest }: ManifestContent, dropped: ReadonlySet<string>): ManifestContent {
  const written = body.parse(parseJson(bytes));
  const manifests = written.manifests.filter(({ digest }) => !dropped.has(digest));
  return contentOf({ ...written, manifests }, manifest.mediaType, digestAlgorithm(manifest.digest));
}

/** Media types of configs that name a platform; anything else is an artifact, which runs nowhere. */
const IMAGE_CONFIGS: ReadonlySet<string> = new Set([
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
]);

/** Which of the platforms to keep an image with this config is not; a config that cannot be read is none of them. */
function missingIn(bytes: Uint8Array, keep: readonly string[]): readonly string[] {
  const read = config.safeParse(parseJson(bytes));
  return read.success ? keep.filter((name) => !matches(read.data, name)) : keep;
}

/** A platform named without its variant is any variant of it. */
function matches({ os, architecture, variant }: Platform, name: string): boolean {
  const [wantedOs, wantedArchitecture, wantedVariant] = name.split('/');
  if (os !== wantedOs || architecture !== wantedArchitecture) return false;
  return wantedVariant === undefined || (variant ?? USUAL_VARIANT[architecture]) === wantedVariant;
}

/** Indexes leave out the usual variant. */
const USUAL_VARIANT: Readonly<Record<string, string>> = { arm64: 'v8', arm: 'v7' };

/** Of which image, and which of its platforms are copied. */
export interface RootRequest {
  readonly image: PinnedRef;
  readonly source: SourceRegistry;
  /** None named = all of them, and the index stays what it is. */
  readonly platforms: {
    /** `os/architecture` or `os/architecture/variant`. */
    readonly keep: readonly string[];
    readonly missing: 'Fail' | 'Skip';
  };
}

/** Largest config that is read for its platform, in bytes; real ones have a few thousand. */
const MAX_CONFIG_BYTES = 4 * 1024 * 1024;

/**
 * What the tag of an image is to point to at the target when only these platforms are kept: one request for an image without
 * index. Refused with `PlatformMissing`.
 */
export async function keptRoot(
  root: ManifestContent,
  { image, source, platforms }: RootRequest,
  signal: AbortSignal,
): Promise<KeptPlatforms | Reason> {
  const { manifest } = root;
  let kept: KeptPlatforms = { root, dropped: [], missing: [] };
  if (isIndexType(manifest.mediaType)) kept = keepPlatforms(root, platforms.keep);
  else if (manifest.config && IMAGE_CONFIGS.has(manifest.config.mediaType)) {
    const bytes = await source.blob(image, manifest.config, MAX_CONFIG_BYTES, signal);
    kept = { ...kept, missing: bytes ? missingIn(bytes, platforms.keep) : platforms.keep };
  }
  const { missing } = kept;
  const none = missing.length === platforms.keep.length;
  if (missing.length === 0 || (platforms.missing === 'Skip' && !none)) return kept;
  return { code: 'PlatformMissing', detail: `${formatReference(image)} has no ${missing.join(', ')}` };
}
