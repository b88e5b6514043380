import pLimit from 'p-limit';
import {
  isPinned,
  type Evidence,
  type ImageRef,
  type PinnedRef,
  nameOf,
  pin,
  type Fact,
  type Manifest,
  type Successor,
  isIndexType,
  type ChildEvidence,
  type Descriptor,
} from '../model/index.ts';
import {
  type needsAtFirst,
  needsNext,
  type CompiledPolicy,
  readLifecycle,
  successorTags,
  type SignatureNeeds,
} from '../policy/index.ts';
import { unknown, learn } from './learn.ts';
import { readReferrers } from './referrers.ts';
import { resolve, readTag } from './resolve.ts';
import { mergeSignatures, readSignatures } from './signatures.ts';
import type { Sources } from './ports.ts';
import { BUILDKIT_KIND } from './index-statements.ts';

/** Stands for evidence that no policy needs: should a check read it all the same, the check fails closed. */
const NOT_ASKED = unknown('InternalError', 'this was not gathered', false);

/** Which image to learn about, for which policies, and what these need before anything is known. */
interface Gathering {
  readonly ref: ImageRef;
  readonly policies: readonly CompiledPolicy[];
  readonly needs: ReturnType<typeof needsAtFirst>;
}

/**
 * Learns what the policies need to know about one image, all questions at once as far as they do not depend on each
 * other. Never throws: what cannot be learned is `unknown`.
 */
export async function gather(
  { ref, policies, needs }: Gathering,
  given: Sources,
  signal: AbortSignal,
): Promise<Evidence> {
  const nothing: Evidence = {
    image: ref,
    manifest: NOT_ASKED,
    referrers: NOT_ASKED,
    signatures: NOT_ASKED,
    children: NOT_ASKED,
    successor: NOT_ASKED,
  };
  if (!needs.registry) return nothing;
  const sources = needs.marks ? { ...given, thorough: true } : given;
  // With a digest in hand nothing waits for the manifest; a tag has to be resolved first, once.
  if (isPinned(ref))
    return learnAll(ref, resolve(ref, sources, signal), { policies, needs }, { sources, signal });
  const resolved = await resolve(ref, sources, signal);
  if (!isPinned(resolved.image)) {
    const { manifest } = resolved;
    const unreadable = manifest.state === 'unknown' ? manifest : NOT_ASKED;
    return { ...nothing, manifest, referrers: unreadable, signatures: unreadable };
  }
  return learnAll(resolved.image, Promise.resolve(resolved), { policies, needs }, { sources, signal });
}

async function learnAll(
  image: PinnedRef,
  resolving: ReturnType<typeof resolve>,
  { policies, needs }: Omit<Gathering, 'ref'>,
  { sources, signal }: { readonly sources: Sources; readonly signal: AbortSignal },
): Promise<Evidence> {
  const listing = readReferrers(image, sources, signal);
  const asked = needs.signatures;
  const early = asked && readSignatures(image, asked, sources, signal);
  const [{ manifest }, referrers, first] = await Promise.all([resolving, listing, early]);
  const next = needsNext(policies, { image, manifest, referrers }, sources.clock());
  const [releases, children, successor] = await Promise.all([
    next.signatures && readSignatures(image, next.signatures, sources, signal),
    asked?.everyChild ? readChildren(image, manifest, asked, { sources, signal }) : NOT_ASKED,
    next.successor && manifest.state === 'found'
      ? readSuccessor(image, manifest.value, policies, { sources, signal })
      : NOT_ASKED,
  ]);
  const facts = [first, releases].filter((fact) => fact !== undefined);
  const signatures = facts.length > 0 ? mergeSignatures(facts) : NOT_ASKED;
  return { image, manifest, referrers, signatures, children, successor };
}

/** Most candidates examined: the successor is only named in a message, so the search must stay cheap. */
const MAX_CANDIDATES = 5;

/** Finds the newest tag of an image's line that claims no passed date; advice only, no verdict depends on it. */
function readSuccessor(
  image: PinnedRef,
  manifest: Manifest,
  policies: readonly CompiledPolicy[],
  { sources, signal }: { readonly sources: Sources; readonly signal: AbortSignal },
): Promise<Fact<Successor>> {
  const rules = {
    annotations: policies.flatMap(({ lifecycle }) => lifecycle?.annotations ?? []),
    artifactTypes: policies.flatMap(({ lifecycle }) => lifecycle?.artifactTypes ?? []),
  };
  return sources.memory.recall(
    {
      key: ['successor', nameOf(image), image.tag ?? '', image.digest, JSON.stringify(rules)],
      load: async (loadSignal) => {
        const tags = await learn(() => sources.registry.tags(image, loadSignal), sources);
        if (tags.state !== 'found') return tags;
        const candidates = successorTags(image, manifest, tags.value).slice(0, MAX_CANDIDATES);
        for (const tag of candidates) {
          if (await isSupported({ ...image, tag }, rules, { sources, signal: loadSignal }))
            return { ...tags, value: { tag } };
        }
        return { state: 'absent', seenAt: tags.seenAt };
      },
    },
    signal,
  );
}

async function isSupported(
  { registry, repository, tag }: PinnedRef,
  rules: Parameters<typeof readLifecycle>[1],
  { sources, signal }: { readonly sources: Sources; readonly signal: AbortSignal },
): Promise<boolean> {
  if (tag === undefined) return false;
  const ref = { registry, repository, tag };
  const manifest = await readTag(ref, sources, signal);
  if (manifest.state !== 'found') return false;
  const referrers = await readReferrers(pin(ref, manifest.value.digest), sources, signal);
  const { claims, incomplete } = readLifecycle({ manifest, referrers }, rules);
  return !incomplete && claims.every(({ moment }) => moment > sources.clock());
}

/** Platforms judged one by one; real images have fewer than twenty. */
const MAX_PLATFORMS = 64;
/** Platforms read at the same time. */
const READ_AT_ONCE = 4;

/** Signatures of every platform of a multi-platform image; absent for any other. */
async function readChildren(
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
