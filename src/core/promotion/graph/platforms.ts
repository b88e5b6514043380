import * as z from 'zod';
import {
  digestAlgorithm,
  digestOf,
  isIndexType,
  parseManifest,
  type Descriptor,
  type Digest,
  type Manifest,
  type ManifestContent,
  type Platform,
  parseJson,
} from '../../model/index.ts';

/** Which platforms of an image are copied; none named = all of them, and the index stays what it is. */
export interface PlatformSelection {
  /** `os/architecture` or `os/architecture/variant`. */
  readonly keep: readonly string[];
  readonly missing: 'Fail' | 'Skip';
}

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
const config = z.object({ os: z.string(), architecture: z.string(), variant: z.string().optional() });

/**
 * The index with only the children that are kept, their statements by BuildKit, and nested indexes, which are kept whole. One
 * that loses children is a new index with a new digest: under the old digest it would be sparse, and registries that look
 * refuse that.
 */
export function keepPlatforms(content: ManifestContent, keep: readonly string[]): KeptPlatforms {
  const { manifests } = content.manifest;
  const wanted = new Set(manifests.filter((child) => isKept(child, keep)).map(({ digest }) => digest));
  const kept = manifests.filter(
    ({ digest, annotations }) =>
      wanted.has(digest) || [...wanted].some((one) => one === annotations[BUILDKIT_SUBJECT]),
  );
  const missing = keep.filter(
    (name) => !manifests.some(({ platform }) => platform && matches(platform, name)),
  );
  const dropped = manifests.filter((child) => !kept.includes(child)).map(({ digest }) => digest);
  return { root: dropped.length > 0 ? rebuild(content, new Set(dropped)) : content, dropped, missing };
}

function isKept({ platform, mediaType }: Descriptor, keep: readonly string[]): boolean {
  if (!platform) return isIndexType(mediaType);
  return keep.some((name) => matches(platform, name));
}

function rebuild({ bytes, manifest }: ManifestContent, dropped: ReadonlySet<string>): ManifestContent {
  const written = body.parse(JSON.parse(new TextDecoder().decode(bytes)));
  const manifests = written.manifests.filter(({ digest }) => !dropped.has(digest));
  const smaller = new TextEncoder().encode(JSON.stringify({ ...written, manifests }));
  const digest = digestOf(smaller, digestAlgorithm(manifest.digest));
  const parsed = parseManifest(smaller, digest, manifest.mediaType);
  if (!parsed.ok) throw new Error('an index became unreadable by losing children'); // it was readable with them
  return { manifest: parsed.value, bytes: smaller };
}

/** Media types of configs that name a platform; anything else is an artifact, which runs nowhere. */
const IMAGE_CONFIGS: ReadonlySet<string> = new Set([
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
]);

/** The config that says for which platform an image without index was made. */
export function platformConfig({ config: found }: Manifest): Descriptor | undefined {
  return found && IMAGE_CONFIGS.has(found.mediaType) ? found : undefined;
}

/** Which of the platforms to keep an image with this config is not; a config that cannot be read is none of them. */
export function missingIn(bytes: Uint8Array, keep: readonly string[]): readonly string[] {
  const read = config.safeParse(parseJson(bytes));
  if (!read.success) return keep;
  const { os, architecture, variant } = read.data;
  return keep.filter((name) => !matches({ os, architecture, ...(variant && { variant }) }, name));
}

/** A platform named without its variant is any variant of it. */
function matches(platform: Platform, name: string): boolean {
  const [os, architecture, variant] = name.split('/');
  if (platform.os !== os || platform.architecture !== architecture) return false;
  return variant === undefined || variantOf(platform) === variant;
}

/** Indexes leave out the usual variant. */
const USUAL_VARIANT: Readonly<Record<string, string>> = { arm64: 'v8', arm: 'v7' };

function variantOf({ architecture, variant }: Platform): string | undefined {
  return variant ?? USUAL_VARIANT[architecture];
}
