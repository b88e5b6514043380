import pLimit from 'p-limit';
import {
  isIndexType,
  pin,
  type ChildEvidence,
  type Descriptor,
  type Fact,
  type Manifest,
  type PinnedRef,
} from '../model/index.ts';
import type { SignatureNeeds } from '../policy/index.ts';
import { unknown } from './learn.ts';
import { BUILDKIT_KIND } from './index-statements.ts';
import { readSignatures } from './signatures.ts';
import type { Sources } from './sources.ts';

/** Platforms judged one by one; real images have fewer than twenty. */
const MAX_PLATFORMS = 64;
/** Platforms read at the same time. */
const READ_AT_ONCE = 4;

/** Signatures of every platform of a multi-platform image; absent for any other. */
export async function readChildren(
  image: PinnedRef,
  manifest: Fact<Manifest>,
  needs: SignatureNeeds,
  { sources, signal }: { readonly sources: Sources; readonly signal: AbortSignal },
): Promise<Fact<readonly ChildEvidence[]>> {
  if (manifest.state !== 'found') return manifest;
  const { seenAt, value } = manifest;
  if (!isIndexType(value.mediaType)) return { state: 'absent', seenAt };
  const platforms = value.manifests.filter(({ annotations }) => annotations[BUILDKIT_KIND] === undefined);
  if (platforms.length > MAX_PLATFORMS) {
    const detail = `the index has ${platforms.length} platforms, ${MAX_PLATFORMS} are read`;
    return unknown('LimitExceeded', detail, false);
  }
  const atOnce = pLimit(READ_AT_ONCE);
  const children = platforms.map(({ digest, platform }) =>
    atOnce(async (): Promise<ChildEvidence> => {
      const signatures = await readSignatures(pin(image, digest), needs, sources, signal);
      return { digest, platform: platform ? nameOfPlatform(platform) : '', signatures };
    }),
  );
  return { state: 'found', value: await Promise.all(children), seenAt };
}

function nameOfPlatform({ os, architecture, variant }: NonNullable<Descriptor['platform']>): string {
  return [os, architecture, variant].filter((part) => part !== undefined).join('/');
}
