import { pin, type Digest, type ImageRef, type PinnedRef } from '../../model/index.ts';
import { gatherGraph } from '../graph/gather.ts';
import type { CarryRules } from '../graph/carried.ts';
import type { PlatformSelection } from '../graph/platforms.ts';
import type { SourceRegistry, TargetRegistry } from '../ports.ts';
import { together } from '../together.ts';
import { verifyTarget } from './verify-target.ts';

/** Which tag is compared with which. */
export interface UpToDateRequest extends CarryRules {
  /** The tag at the source. */
  readonly from: ImageRef;
  readonly source: SourceRegistry;
  /** The tag at the target. */
  readonly to: ImageRef;
  readonly target: TargetRegistry;
  readonly platforms: PlatformSelection;
  /** Whether the caller remembers that the attachments of this digest arrived: then they are not counted again. */
  readonly remembered: (digest: Digest) => boolean;
}

/** What two tags say of each other. */
export interface Compared {
  /** The tag at the target is what it should be, with all that is to be carried. */
  readonly upToDate: boolean;
  /** What the tags point to; absent = there is no such tag. */
  readonly source?: Digest;
  readonly target?: Digest;
}

/**
 * Whether there is nothing to do for a tag: a HEAD at each side, and no more where they differ, where attachments are not
 * carried, or where the caller remembers them. Otherwise everything is gathered and counted at the target.
 */
export function isUpToDate(request: UpToDateRequest, signal: AbortSignal): Promise<Compared> {
  return together(signal, async (inner, start): Promise<Compared> => {
    const { from, to, source, target } = request;
    const [ours, theirs] = await Promise.all([
      start(() => source.tagDigest(from, inner)),
      start(() => target.tagDigest(to, inner)),
    ]);
    const said = { ...(ours && { source: ours }), ...(theirs && { target: theirs }) };
    if (ours === undefined || theirs === undefined) return { upToDate: false, ...said };
    return { upToDate: await arrived(request, pin(from, ours), theirs, inner), ...said };
  });
}

async function arrived(
  { source, target, to, kind, attachments, platforms, remembered }: UpToDateRequest,
  image: PinnedRef,
  theirs: Digest,
  signal: AbortSignal,
): Promise<boolean> {
  if (platforms.keep.length === 0) {
    if (image.digest !== theirs) return false;
    if (attachments.carry === 'None' || remembered(theirs)) return true;
  }
  const gathered = await gatherGraph({ image, source, kind, attachments, platforms }, signal);
  if (gathered.state === 'refused' || gathered.graph.root.manifest.digest !== theirs) return false;
  return (await verifyTarget({ graph: gathered.graph, target, to }, signal)).state === 'complete';
}
