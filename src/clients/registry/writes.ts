import {
  artifactTypeOf,
  digestAlgorithm,
  formatReference,
  nameOf,
  parseDigest,
  type Descriptor,
  type Digest,
  type ImageRef,
  type ManifestContent,
} from '../../core/model/index.ts';
import type { SourceRegistry, TargetRegistry } from '../../core/promotion/index.ts';
import type { Begin, Call } from './call.ts';
import { header, type Answer } from './exchange.ts';
import { createFallbackTags, type FallbackTags, type Turns } from './fallback-tags.ts';
import { fault } from './fault.ts';
import { deleteNamed, putManifest } from './manifest.ts';
import { createTransfers, type TransferParts } from './transfer/transfer.ts';
import type { Send } from './transport.ts';

/** What the writes of one set of logins are made with. */
interface WriteParts extends TransferParts {
  readonly turns: Turns;
  readonly random: () => number;
  readonly restMs: TargetRegistry['restMs'];
}

/** Makes the writes over a transport. */
export function writesOver(parts: WriteParts): Omit<TargetRegistry, keyof SourceRegistry> {
  const { send, begin, restMs, turns } = parts;
  const fallbackTags = createFallbackTags(parts);
  return {
    ...createTransfers(parts),
    pushManifest: (to, content, signal) =>
      pushManifest({ send, begin, fallbackTags, turns }, { to, content }, signal),
    deleteManifest: (image, signal) =>
      deleteNamed(
        send,
        begin('delete', `delete manifest ${formatReference(image)}`, image, signal),
        image.digest,
      ),
    deleteTag: (ref, signal) =>
      deleteNamed(
        send,
        begin('delete', `delete tag ${formatReference(ref)}`, ref, signal),
        ref.tag ?? 'latest',
      ),
    restMs,
  };
}

interface PushParts {
  readonly send: Send;
  readonly begin: Begin;
  readonly fallbackTags: FallbackTags;
  readonly turns: Turns;
}

/** Pushes a manifest, and lists it under the fallback tag of its subject where the registry does not list it itself. */
async function pushManifest(
  { send, begin, fallbackTags, turns }: PushParts,
  { to, content }: { readonly to: ImageRef; readonly content: ManifestContent },
  signal: AbortSignal,
): Promise<void> {
  const { manifest, bytes } = content;
  const call = begin('push', `push manifest ${formatReference(to)}`, to, signal);
  if (to.digest !== undefined && to.digest !== manifest.digest) {
    throw fault(call, 'InternalError', 'the manifest is another one than is to be pushed');
  }
  const { subject } = manifest;
  const put = async (): Promise<Answer> => {
    const name = to.digest ?? to.tag ?? manifest.digest;
    const answer = await putManifest(send, call, { name, bytes, mediaType: manifest.mediaType });
    compareDigests(call, answer, manifest.digest);
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
    const listing = { ...call, doing: `list ${manifest.digest} under ${subject.digest}` };
    await fallbackTags.add(listing, subject.digest, descriptorOf(content));
  });
}

function compareDigests(call: Call, answer: Answer, digest: Digest): void {
  const claimed = parseDigest(header(answer, 'docker-content-digest'));
  if (claimed === undefined || digestAlgorithm(claimed) !== digestAlgorithm(digest)) return;
  if (claimed !== digest)
    throw fault(call, 'RegistryMisbehaved', 'it stored the manifest under another digest');
}

/** The entry of a manifest in a listing (distribution spec, "Pushing Manifests with Subject"). */
function descriptorOf({ manifest }: ManifestContent): Descriptor {
  const { mediaType, digest, size, annotations } = manifest;
  const artifactType = artifactTypeOf(manifest);
  return { mediaType, digest, size, annotations, artifactType };
}
