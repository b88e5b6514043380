import * as z from 'zod';
import { listRunnable, statementsAbout } from '../../evidence/index.ts';
import {
  digestAlgorithm,
  Fault,
  formatReference,
  isImageConfigType,
  isIndexType,
  parseShort,
  parseJson,
  pin,
} from '../../model/index.ts';
import type {
  Descriptor,
  Digest,
  Manifest,
  ManifestContent,
  PinnedRef,
  Platform,
  Reason,
} from '../../model/index.ts';
import type { SourceRegistry } from '../ports.ts';
import { contentOf } from '../records/artifact.ts';

/** An image cut down to the platforms that are kept. */
export interface KeptPlatforms {
  readonly root: ManifestContent;
  /** Children that are not copied; when there are any, `root` is a new index. */
  readonly dropped: readonly Digest[];
  readonly missing: readonly string[];
}

const body = z.looseObject({ manifests: z.array(z.looseObject({ digest: z.string() })) });
const config = z.object({
  os: z.string(),
  architecture: z.string(),
  variant: z.string().min(1).optional().catch(undefined),
});

/**
 * The index with only the children that are kept, their statements by BuildKit, and nested indexes, which are kept whole. A child
 * that names no platform is of the platform that its config names. Statements that are gone are left out, and so are platforms that are
 * gone where those may be missing: clean-ups of registries take children of an index that has a tag. An index that loses children is a new one with a new digest:
 * under the old digest it would be sparse, and registries that look refuse that.
 */
export async function keepPlatforms(
  content: ManifestContent,
  request: RootRequest,
  signal: AbortSignal,
): Promise<Omit<KeptPlatforms, 'missing'>> {
  const { manifest } = content;
  const wanted = new Set<Digest>();
  for (const child of manifest.manifests) if (await isKept(child, request, signal)) wanted.add(child.digest);
  if (request.platforms.missing === 'Skip') await removeGone(wanted, request, signal);
  const statements = new Set<Digest>();
  for (const platform of wanted)
    for (const { digest } of statementsAbout(manifest, platform)) statements.add(digest);
  await removeGone(statements, request, signal);
  for (const digest of statements) wanted.add(digest);
  const dropped = manifest.manifests.map(({ digest }) => digest).filter((digest) => !wanted.has(digest));
  return { root: dropped.length > 0 ? rebuild(content, new Set(dropped)) : content, dropped };
}

/** Takes out what the source no longer has. */
async function removeGone(
  digests: Set<Digest>,
  { image, source }: Pick<RootRequest, 'image' | 'source'>,
  signal: AbortSignal,
): Promise<void> {
  const asked = [...digests].map(async (digest) => {
    if ((await source.tagDigest(pin(image, digest), signal)) === undefined) digests.delete(digest);
  });
  await Promise.all(asked);
}

async function isKept(child: Descriptor, request: RootRequest, signal: AbortSignal): Promise<boolean> {
  if (!child.platform && isIndexType(child.mediaType)) return true;
  const platform = child.platform ?? (await inConfig(child.digest, request, signal));
  return platform !== undefined && request.platforms.keep.some((name) => matches(platform, name));
}

/** The platform that the config of an image names; `undefined` for none, and for an artifact, which runs nowhere. */
async function inConfig(
  digest: Digest,
  { image, source }: Pick<RootRequest, 'image' | 'source'>,
  signal: AbortSignal,
  known?: Manifest,
): Promise<Platform | undefined> {
  const described = (known ?? (await source.manifest(pin(image, digest), signal)))?.config;
  if (!described || !isImageConfigType(described.mediaType)) return undefined;
  const bytes = await source.blob(image, described, MAX_CONFIG_BYTES, signal);
  if (bytes === undefined) return undefined;
  const read = parseShort(bytes);
  // Not "no platform": a runtime may read what is too much here, and run it.
  if (read === undefined)
    throw new Fault({
      code: 'LimitExceeded',
      operation: `read the platform of ${formatReference(pin(image, digest))}`,
      side: 'source',
      transient: false,
      detail: 'its config is no JSON, or has more values than are read',
    });
  return config.safeParse(read).data;
}

function rebuild({ bytes, manifest }: ManifestContent, dropped: ReadonlySet<string>): ManifestContent {
  const written = body.parse(parseJson(bytes));
  const manifests = written.manifests.filter(({ digest }) => !dropped.has(digest));
  return contentOf({ ...written, manifests }, manifest.mediaType, digestAlgorithm(manifest.digest));
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
const MAX_CONFIG_BYTES = 1024 * 1024;

/**
 * What the tag of an image is to point to at the target when only these platforms are kept: one request for an image without
 * index. Refused with `PlatformMissing`, and where it cannot be known what runs of an index.
 */
export async function keptRoot(
  root: ManifestContent,
  request: RootRequest,
  signal: AbortSignal,
): Promise<KeptPlatforms | Reason> {
  const { image, platforms } = request;
  const isIndex = isIndexType(root.manifest.mediaType);
  if (!isIndex && !isImageConfigType(root.manifest.config?.mediaType ?? ''))
    return { root, dropped: [], missing: [] };
  const kept = isIndex ? await keepPlatforms(root, request, signal) : { root, dropped: [] };
  const listed = await platformsThere(root.manifest, request, signal);
  if ('code' in listed) return listed;
  const dropped = new Set(kept.dropped);
  const there = listed.filter(({ digest }) => !dropped.has(digest));
  const missing = platforms.keep.filter((name) => !there.some((one) => matches(one, name)));
  const none = missing.length === platforms.keep.length;
  if (missing.length > 0 && (platforms.missing === 'Fail' || none))
    return { code: 'PlatformMissing', detail: `${formatReference(image)} has no ${missing.join(', ')}` };
  return { ...kept, missing };
}

/** The platforms of everything that a runtime could pick, as index or config name them; or why that cannot be known. */
async function platformsThere(
  root: Manifest,
  request: RootRequest,
  signal: AbortSignal,
): Promise<readonly (Platform & Pick<Descriptor, 'digest'>)[] | Reason> {
  const { image, source } = request;
  const runnable = await listRunnable(root, ({ digest }) => source.manifest(pin(image, digest), signal));
  if ('state' in runnable) return runnable.reason;
  const named = runnable.map(async ({ digest, platform }) => {
    const [os = '', architecture = '', variant] = platform.split('/');
    const known = digest === root.digest ? root : undefined;
    const found = os === '' ? await inConfig(digest, request, signal, known) : { os, architecture, variant };
    return found && { ...found, digest };
  });
  return (await Promise.all(named)).filter((one) => one !== undefined);
}
