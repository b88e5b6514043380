import { artifactTypeOf, formatReference, nameOf, type Digest } from '../../core/model/index.ts';
import type { Deletion, SourceRegistry, TargetRegistry } from '../../core/promotion/index.ts';
import { compareDigests, header, parseAnswer } from './answer.ts';
import type { Answer, Call } from './call.ts';
import { addToFallbackTag } from './referrers.ts';
import { fault } from './fault.ts';
import { deleteNamed, putManifest } from './manifest.ts';
import { createTransfers, type TransferParts } from './transfer/transfer.ts';

interface WriteParts extends TransferParts {
  readonly turns: Turns;
  readonly random: () => number;
  readonly restMs: (call: Call) => Promise<number>;
  /** Deletes a manifest where its registry does not do so by its own API; `undefined` where it does. */
  readonly deleteElsewhere?: (call: Call, digest: Digest) => Promise<Deletion | undefined>;
}

export function writesOver(parts: WriteParts): Omit<TargetRegistry, keyof SourceRegistry> {
  const { begin, restMs } = parts;
  return {
    ...createTransfers(parts),
    extendManifest: (to, extension, signal) =>
      parseAnswer(
        begin('push', `extend manifest ${formatReference(to)}`, to, signal),
        'extension',
        extension,
      ),
    pushManifest: pushOver(parts),
    deleteManifest: async (image, signal) => {
      const doing = `delete manifest ${formatReference(image)}`;
      const call = begin('delete', doing, image, signal);
      return (await parts.deleteElsewhere?.(call, image.digest)) ?? deleteNamed(call, image.digest);
    },
    deleteTag: (ref, signal) =>
      deleteNamed(begin('delete', `delete tag ${formatReference(ref)}`, ref, signal), ref.tag ?? 'latest'),
    restMs: (repository, signal) =>
      restMs(begin('manifest', `begin with ${nameOf(repository)}`, repository, signal)),
  };
}

/** Pushes a manifest, and lists it under the fallback tag of its subject where the registry does not list it itself. */
function pushOver({ begin, turns, random }: WriteParts): TargetRegistry['pushManifest'] {
  return async (to, { manifest, bytes }, signal) => {
    const { mediaType, digest, size, annotations, subject } = manifest;
    const call = begin('push', `push manifest ${formatReference(to)}`, to, signal);
    if (to.digest !== undefined && to.digest !== digest)
      throw fault(call, 'InternalError', 'the manifest is another one than is to be pushed');
    const put = async (): Promise<Answer> => {
      const answer = await putManifest(call, to.digest ?? to.tag ?? digest, mediaType, bytes);
      compareDigests(call, answer, 'manifest', digest);
      return answer;
    };
    if (subject === undefined) {
      await put();
      return;
    }
    // One at a time for each subject, also where the registry keeps the listing: registries too lose entries that are written at once.
    await turns(`${nameOf(to)}@${subject.digest}`, async () => {
      const answer = await put();
      if (header(answer, 'oci-subject') === subject.digest) return;
      const listing = { ...call, doing: `list ${digest} under ${subject.digest}` };
      // The entry of a manifest in a listing (distribution spec, "Pushing Manifests with Subject").
      const entry = { mediaType, digest, size, annotations, artifactType: artifactTypeOf(manifest) };
      await addToFallbackTag(listing, subject.digest, entry, random);
    });
  };
}

/** Waits until the earlier calls with the same key are done. Held by one client for all its logins. */
type Turns = <T>(key: string, act: () => Promise<T>) => Promise<T>;

export function createTurns(): Turns {
  const last = new Map<string, Promise<unknown>>();
  return async (key, act) => {
    const before = last.get(key) ?? Promise.resolve();
    const mine = before.then(act, act);
    last.set(key, mine);
    try {
      return await mine;
    } finally {
      if (last.get(key) === mine) last.delete(key);
    }
  };
}
