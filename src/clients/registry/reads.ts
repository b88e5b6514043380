import type { ByteBudget, RegistrySource } from '../../core/evidence/index.ts';
import { formatReference, MAX_MANIFEST_BYTES, nameOf } from '../../core/model/index.ts';
import type { ImageRef } from '../../core/model/index.ts';
import type { SideRegistry, SourceRegistry } from '../../core/promotion/index.ts';
import { openBlob, openBlobOrPlace, readBlob } from './blob.ts';
import { ownerIn, type Begin, type Call } from './call.ts';
import { fault } from './fault.ts';
import { readContent, readTagDigest } from './manifest.ts';
import { readFallbackTag, readReferrers } from './referrers.ts';
import { readCatalog, readTags } from './tags.ts';

/** The reads of one view of registries. `begin` = how each of its calls begins. */
export function readsOver(
  begin: Begin,
  budget?: ByteBudget,
): SourceRegistry &
  Required<RegistrySource> &
  Pick<SideRegistry, 'repositories' | 'openBlobOrPlace'> &
  Partial<Pick<SideRegistry, 'hasBlob'>> {
  const reading = (ref: ImageRef, signal: AbortSignal): Call =>
    begin('manifest', `read manifest of ${formatReference(ref)}`, ref, signal);
  const listing = (image: ImageRef, doing: string, signal: AbortSignal): Call =>
    begin('referrers', `${doing} of ${formatReference(image)}`, image, signal);
  /** Does a call whose answers hold bytes of the budget until it ends. */
  const held = async <T>(call: Call, work: (call: Call) => Promise<T>): Promise<T> => {
    if (budget === undefined) return work(call);
    const releases: (() => void)[] = [];
    const share = { owner: ownerIn(call), registry: call.endpoint.registry };
    const hold = async (bytes: number): Promise<void> => {
      const inQueue = call.turn?.wait?.();
      const release = await budget.reserve(bytes, share, call.signal);
      inQueue?.();
      if (!release) throw fault(call, 'LimitExceeded', NO_ROOM, { transient: true });
      releases.push(release);
    };
    try {
      return await work({ ...call, hold });
    } finally {
      for (const release of releases) release();
    }
  };
  /**
   * The same for a listing of several pages, whose room is taken at most twice: as a small one, then for all of its pages. Calls
   * that hold room and ask for more again and again would wait for each other until their time is over.
   */
  const heldListing = <T>(call: Call, work: (call: Call) => Promise<T>): Promise<T> =>
    held(call, ({ hold: reserve, ...rest }) => {
      let [asked, room] = [0, 0];
      const hold = async (bytes: number): Promise<void> => {
        asked += bytes;
        if (asked <= room) return;
        room = asked <= SMALL_LISTING ? SMALL_LISTING : Infinity;
        await reserve?.(Math.min(room, MAX_MANIFEST_BYTES));
      };
      return work({ ...rest, ...(reserve && { hold }) });
    });
  return {
    manifest: (ref, signal, keys) =>
      held(reading(ref, signal), async (call) => (await readContent(call, ref, { keys }))?.manifest),
    content: (ref, signal, kind) =>
      held({ ...reading(ref, signal), patient: true }, (call) =>
        readContent(call, ref, { isReferrer: kind === 'referrer' }),
      ),
    tagDigest: (ref, signal) =>
      held(begin('tag', `resolve ${formatReference(ref)}`, ref, signal), (call) => readTagDigest(call, ref)),
    referrers: (image, signal, keys) =>
      heldListing(listing(image, 'list referrers', signal), (one) => readReferrers(one, image.digest, keys)),
    fallbackReferrers: (image, signal, keys) =>
      heldListing(listing(image, 'read the fallback tag', signal), (one) =>
        readFallbackTag(one, image.digest, keys),
      ),
    blob: (repository, blob, maxBytes, signal) => {
      const doing = `read blob ${blob.digest} of ${nameOf(repository)}`;
      const call = begin('blob', doing, repository, signal);
      return held(call, (one) => readBlob(one, blob, maxBytes));
    },
    openBlob: (repository, blob, offset, signal) => {
      const doing = `read blob ${blob.digest} of ${nameOf(repository)}`;
      return openBlob(begin('download', doing, repository, signal), blob, offset);
    },
    openBlobOrPlace: (repository, blob, offset, signal) => {
      const doing = `read blob ${blob.digest} of ${nameOf(repository)}`;
      return openBlobOrPlace(begin('download', doing, repository, signal), blob, offset);
    },
    tags: (repository, signal) =>
      heldListing(begin('tags', `list tags of ${nameOf(repository)}`, repository, signal), readTags),
    repositories: (place, signal) =>
      heldListing(begin('tags', `list the repositories of ${place.registry}`, place, signal), readCatalog),
    inTurn: (turn) => readsOver((...given) => ({ ...begin(...given), turn }), budget),
  };
}

/** Bytes of all pages up to which a listing takes room among the small bodies of the budget. */
const SMALL_LISTING = 64 * 1024;

const NO_ROOM = 'the time ran out while it waited for memory that other answers of registries take';
