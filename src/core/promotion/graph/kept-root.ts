import {
  formatReference,
  isIndexType,
  type ManifestContent,
  type PinnedRef,
  type Reason,
} from '../../model/index.ts';
import type { SourceRegistry } from '../ports.ts';
import {
  keepPlatforms,
  missingIn,
  platformConfig,
  type KeptPlatforms,
  type PlatformSelection,
} from './platforms.ts';

/** Of which image, and which platforms. */
export interface RootRequest {
  readonly image: PinnedRef;
  readonly source: SourceRegistry;
  readonly platforms: PlatformSelection;
  /** The image's own manifest, for a caller that has read it already: it saves a request. */
  readonly root?: ManifestContent;
}

/** Largest config that is read for its platform, in bytes; real ones have a few thousand. */
const MAX_CONFIG_BYTES = 4 * 1024 * 1024;

/**
 * What the tag of an image is to point to at the target when only these platforms are kept: one request, and another for an
 * image without index. Refused with `ImageNotFound` or `PlatformMissing`.
 */
export async function keptRoot(request: RootRequest, signal: AbortSignal): Promise<KeptPlatforms | Reason> {
  const { image, source, platforms } = request;
  const content = request.root ?? (await source.content(image, signal));
  if (content === undefined) return notFound(image);
  const kept = isIndexType(content.manifest.mediaType)
    ? keepPlatforms(content, platforms.keep)
    : await cutImage(request, content, signal);
  const none = kept.missing.length === platforms.keep.length;
  if (kept.missing.length === 0 || (platforms.missing === 'Skip' && !none)) return kept;
  const detail = `${formatReference(image)} has no ${kept.missing.join(', ')}`;
  return { code: 'PlatformMissing', detail };
}

async function cutImage(
  { image, source, platforms }: RootRequest,
  root: ManifestContent,
  signal: AbortSignal,
): Promise<KeptPlatforms> {
  const config = platformConfig(root.manifest);
  if (config === undefined) return { root, dropped: [], missing: [] };
  const bytes = await source.blob(image, config, MAX_CONFIG_BYTES, signal);
  const missing = bytes === undefined ? platforms.keep : missingIn(bytes, platforms.keep);
  return { root, dropped: [], missing };
}

/** That the source has no such image. */
export function notFound(image: PinnedRef): Reason {
  return { code: 'ImageNotFound', detail: `${formatReference(image)} is not there` };
}
