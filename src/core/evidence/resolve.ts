import { isPinned, nameOf, pin, turnOf } from '../model/index.ts';
import type { Fact, ImageRef, Manifest, Owner, PinnedRef, Turn } from '../model/index.ts';
import type { CompiledPolicy } from '../policy/index.ts';
import { hiddenWithout, isUnknown, sourcesFor, type Access } from './access.ts';
import type { Question } from './memory.ts';
import { inTurn, learn, type Reading, type Sources } from './ports.ts';
import { keptFor } from './signature-layers.ts';

/** Content by digest never changes; only whether the registry still has it does. */
function manifestQuestion(image: PinnedRef, reading: Omit<Reading, 'signal'>): Question<Manifest> {
  const { kept } = reading;
  return {
    key: ['manifest', nameOf(image), image.digest, kept.id],
    load: (signal, turn) =>
      learn(() => inTurn(reading, turn).registry.manifest(image, signal, kept.keys), reading),
    // Parsed, a manifest takes about three times its text.
    weigh: (fact) => (fact.state === 'found' ? 500 + 3 * fact.value.size : 500),
  };
}

export function readManifest(image: PinnedRef, reading: Reading): Promise<Fact<Manifest>> {
  return reading.memory.recall(manifestQuestion(image, reading), reading.signal);
}

/**
 * Reads what a tag points to right now: the answer carries the digest from here on, and the tag is not read again.
 * A tag is never remembered, only who asks at the same moment shares the answer; when its last digest is still in
 * memory a HEAD is enough to see that it has not moved.
 */
export function readTag(ref: ImageRef, reading: Reading): Promise<Fact<Manifest>> {
  const { kept } = reading;
  const tag = [nameOf(ref), ref.tag ?? ''];
  const load = async (signal: AbortSignal, turn: Turn): Promise<Fact<Manifest>> => {
    const shared = inTurn({ ...reading, signal }, turn);
    const { memory, registry } = shared;
    const last = memory.peek<PinnedRef>(['last-digest', ...tag]);
    const known = last?.state === 'found' ? await confirm(ref, last.value, shared) : undefined;
    const fact = known ?? (await learn(() => registry.manifest(ref, signal, kept.keys), reading));
    if (fact.state === 'found') {
      const image = pin(ref, fact.value.digest);
      memory.store(manifestQuestion(image, reading), fact);
      memory.store({ key: ['last-digest', ...tag] }, { ...fact, value: image });
    }
    return fact;
  };
  return reading.memory.recall({ key: ['tag', ...tag, kept.id], keep: () => 'never', load }, reading.signal);
}

/** The remembered manifest if the tag still points to it; `undefined` sends the caller to the registry. */
async function confirm(
  ref: ImageRef,
  last: PinnedRef,
  reading: Reading,
): Promise<Fact<Manifest> | undefined> {
  const known = reading.memory.peek<Manifest>(manifestQuestion(last, reading).key);
  if (known?.state !== 'found') return undefined;
  const now = await learn(() => reading.registry.tagDigest(ref, reading.signal), reading);
  if (now.state !== 'found') return now;
  return now.value === last.digest ? known : undefined;
}

/** The image with its digest and manifest; without a digest the manifest is absent or unknown. */
export async function resolve(
  ref: ImageRef,
  reading: Reading,
): Promise<{ readonly image: ImageRef; readonly manifest: Fact<Manifest> }> {
  if (isPinned(ref)) return { image: ref, manifest: await readManifest(ref, reading) };
  const manifest = await readTag(ref, reading);
  return { image: manifest.state === 'found' ? pin(ref, manifest.value.digest) : ref, manifest };
}

/** How a reference is resolved: with which logins, by when, and which policies will be asked about it. */
export interface PinRequest {
  readonly access?: Access | undefined;
  /** For whom the registry is asked. */
  readonly owner: Owner;
  readonly signal: AbortSignal;
  readonly policies: readonly CompiledPolicy[];
}

/** The reference with the digest it points to right now, read with these logins. Never throws. */
export async function pinReference(
  ref: ImageRef,
  { access, owner, signal, policies }: PinRequest,
  given: Sources,
): Promise<Fact<PinnedRef>> {
  if (isPinned(ref)) return { state: 'found', value: ref, seenAt: given.clock() };
  const readable = await sourcesFor([ref], access, given);
  if (isUnknown(readable)) return readable;
  const { sources, unread } = readable;
  const memory = sources.memory.inTurn(turnOf(owner));
  const manifest = await readTag(ref, { ...sources, memory, signal, kept: keptFor(policies) });
  if (manifest.state === 'found') return { ...manifest, value: pin(ref, manifest.value.digest) };
  return hiddenWithout(unread, manifest) ?? manifest;
}
