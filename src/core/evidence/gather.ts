import pLimit from 'p-limit';
import { isIndexType, isPinned, nameOf, pin, unknown } from '../model/index.ts';
import type {
  ChildEvidence,
  Digest,
  Evidence,
  Fact,
  ImageRef,
  Manifest,
  PinnedRef,
  Successor,
  Turn,
  Unknown,
} from '../model/index.ts';
import { needsNext, readLifecycle, successorTags } from '../policy/index.ts';
import type { CompiledPolicy, needsAtFirst, SignatureNeeds } from '../policy/index.ts';
import { answerConditions } from './conditions.ts';
import type { contentsOf } from './contents.ts';
import { readListing, readReleases } from './indexes.ts';
import { listRunnable } from './platforms.ts';
import { inTurn, learn, type Reading } from './ports.ts';
import { readReferrers } from './referrers.ts';
import { readManifest, readTag, resolve } from './resolve.ts';
import { mergeSignatures, readSignatures } from './signatures.ts';

/** Stands for evidence that no policy needs: should a check read it all the same, the check fails closed. */
const NOT_ASKED = unknown('InternalError', 'this was not gathered');

/** Which image to learn about, for which policies, and what these need before anything is known. */
interface Gathering {
  readonly ref: ImageRef;
  readonly policies: readonly CompiledPolicy[];
  readonly needs: ReturnType<typeof needsAtFirst>;
}

/** Evidence of which nothing is known, for one reason. */
export function evidenceWithout(image: ImageRef, why = NOT_ASKED): Evidence {
  return { image, manifest: why, referrers: why, signatures: why, children: why, successor: why };
}

/**
 * Learns what the policies need to know about one image, all questions at once as far as they do not depend on each
 * other. Never throws: what cannot be learned is `unknown`.
 */
export async function gather({ ref, policies, needs }: Gathering, given: Reading): Promise<Evidence> {
  const nothing = evidenceWithout(ref);
  if (!needs.registry) return nothing;
  const reading = needs.marks ? { ...given, thorough: true } : given;
  const resolving = resolve(ref, reading);
  // With a digest in hand nothing waits for the manifest; a tag has to be resolved first, once.
  const image = isPinned(ref) ? ref : (await resolving).image;
  if (isPinned(image)) return learnAll(image, resolving, { ref, policies, needs }, reading);
  const { manifest } = await resolving;
  const unreadable = manifest.state === 'unknown' ? manifest : NOT_ASKED;
  return { ...nothing, manifest, referrers: unreadable, signatures: unreadable };
}

async function learnAll(
  image: PinnedRef,
  resolving: ReturnType<typeof resolve>,
  { ref, policies, needs }: Gathering,
  reading: Reading,
): Promise<Evidence> {
  const asked = needs.signatures;
  const [{ manifest }, referrers, first, listing] = await Promise.all([
    resolving,
    readReferrers(image, reading),
    asked && readSignatures(image, asked, reading),
    needs.marks ? readListing(ref, reading) : undefined,
  ]);
  const known = { image, manifest, referrers, signatures: NOT_ASKED, indexes: listing };
  const next = needsNext(policies, known, reading.clock());
  const [releases, indexes, children, successor, contents] = await Promise.all([
    next.signatures && readSignatures(image, next.signatures, reading),
    listing && readReleases(listing, next.signatures, reading),
    asked?.everyChild ? readChildren(image, manifest, asked, reading) : NOT_ASKED,
    next.successor ? readSuccessor(image, manifest, policies, reading) : NOT_ASKED,
    needs.contents ? readContents(image, reading) : undefined,
  ]);
  const signatures = merged([first, releases].filter((fact) => fact !== undefined));
  const evidence = { image, manifest, referrers, signatures, children, successor, indexes, contents };
  if (!policies.some(isConditional)) return evidence;
  return { ...evidence, conditions: await answerConditions(policies, evidence, reading) };
}

function merged(facts: Parameters<typeof mergeSignatures>[0]): Evidence['signatures'] {
  return facts.length > 0 ? mergeSignatures(facts) : NOT_ASKED;
}

function isConditional({ attestations }: CompiledPolicy): boolean {
  return attestations.length > 0;
}

async function readContents(image: PinnedRef, reading: Reading): ReturnType<typeof contentsOf> {
  // Few policies read it.
  const { contentsOf } = await import('./contents.ts');
  return contentsOf(image, reading);
}

/** Most candidates examined: the successor is only named in a message, so the search must stay cheap. */
const MAX_CANDIDATES = 5;

/** Finds the newest tag of an image's line that claims no passed date; advice only, no verdict depends on it. */
async function readSuccessor(
  image: PinnedRef,
  known: Fact<Manifest>,
  policies: readonly CompiledPolicy[],
  reading: Reading,
): Promise<Fact<Successor>> {
  if (known.state !== 'found') return NOT_ASKED;
  const manifest = known.value;
  const rules = {
    annotations: policies.flatMap(({ lifecycle }) => lifecycle?.annotations ?? []),
    artifactTypes: policies.flatMap(({ lifecycle }) => lifecycle?.artifactTypes ?? []),
  };
  const load = async (signal: AbortSignal, turn: Turn): Promise<Fact<Successor>> => {
    const shared = inTurn({ ...reading, signal }, turn);
    const tags = await learn(() => shared.registry.tags(image, signal), reading);
    if (tags.state !== 'found') return tags;
    for (const tag of successorTags(image, manifest, tags.value).slice(0, MAX_CANDIDATES)) {
      const { registry, repository } = image;
      if (await isSupported({ registry, repository, tag }, rules, shared)) return { ...tags, value: { tag } };
    }
    return { state: 'absent', seenAt: tags.seenAt };
  };
  const key = ['successor', nameOf(image), image.tag ?? '', image.digest, JSON.stringify(rules)];
  return reading.memory.recall({ key, load }, reading.signal);
}

async function isSupported(
  ref: ImageRef,
  rules: Parameters<typeof readLifecycle>[1],
  reading: Reading,
): Promise<boolean> {
  const manifest = await readTag(ref, reading);
  if (manifest.state !== 'found') return false;
  const referrers = await readReferrers(pin(ref, manifest.value.digest), reading);
  const { claims, incomplete } = readLifecycle({ manifest, referrers }, rules);
  return !incomplete && claims.every(({ moment }) => moment > reading.clock());
}

/** Platforms whose signatures are read for the message of a refusal: each costs requests, and one is an example for all. */
const MAX_NEAR = 4;

/**
 * The same evidence with what lies near it: signatures of platforms of an index, and of indexes through which the tag leads to the
 * image. For the message of a refusal, which it never changes into anything else: what cannot be read is not there.
 */
export async function gatherNear(
  { ref, needs: { signatures: asked } }: Pick<Gathering, 'ref' | 'needs'>,
  evidence: Evidence,
  reading: Reading,
): Promise<Evidence> {
  const { image, manifest } = evidence;
  if (!asked || !isPinned(image) || manifest.state !== 'found') return evidence;
  const unsigned = { ...asked, unsigned: false };
  const read = (digest: Digest) => readSignatures(pin(image, digest), unsigned, reading);
  const platforms = isIndexType(manifest.value.mediaType)
    ? await runnableOf(image, manifest.value, reading)
    : [];
  const listing = await readListing(ref, reading);
  const near = [
    ...('state' in platforms ? [] : platforms.slice(0, MAX_NEAR)).map(async ({ digest, platform }) => {
      const name = platform || digest.slice(0, SHOWN_DIGEST);
      return { kind: 'platform' as const, name, signatures: await read(digest) };
    }),
    ...(listing?.state === 'found' ? listing.value : []).map(async ({ image: { digest } }) => {
      return {
        kind: 'index' as const,
        name: `${digest.slice(0, SHOWN_DIGEST)}…`,
        signatures: await read(digest),
      };
    }),
  ];
  return { ...evidence, near: await Promise.all(near) };
}

/** Characters of a digest in a message. */
const SHOWN_DIGEST = 'sha256:'.length + 12;

function runnableOf(image: PinnedRef, index: Manifest, reading: Reading): ReturnType<typeof listRunnable> {
  return listRunnable(index, async ({ digest }) => {
    const child = await readManifest(pin(image, digest), reading);
    return child.state === 'found' ? child.value : unknownOf(child);
  });
}

/** Platforms judged at the same time. */
const READ_AT_ONCE = 4;

/** Signatures of every image that a runtime could pick from an index; absent for an image without one. */
async function readChildren(
  image: PinnedRef,
  manifest: Fact<Manifest>,
  needs: SignatureNeeds,
  reading: Reading,
): Promise<Fact<readonly ChildEvidence[]>> {
  if (manifest.state !== 'found') return manifest;
  const { seenAt, value } = manifest;
  if (!isIndexType(value.mediaType)) return { state: 'absent', seenAt };
  const platforms = await runnableOf(image, value, reading);
  if ('state' in platforms) return platforms;
  const atOnce = pLimit(READ_AT_ONCE);
  const children = platforms.map(({ digest, platform }) =>
    atOnce(async (): Promise<ChildEvidence> => {
      return { digest, platform, signatures: await readSignatures(pin(image, digest), needs, reading) };
    }),
  );
  return { state: 'found', value: await Promise.all(children), seenAt };
}

function unknownOf(fact: Fact<never>): Unknown | undefined {
  return fact.state === 'unknown' ? fact : undefined;
}
