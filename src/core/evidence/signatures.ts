import pLimit from 'p-limit';
import { weightOf, type Keeping } from './memory.ts';
import {
  nameOf,
  pin,
  type Fact,
  type PinnedRef,
  type Signature,
  type Trust,
  type Unread,
} from '../model/index.ts';
import { RELEASE_PREDICATE_TYPE, type SignatureNeeds } from '../policy/index.ts';
import { learn, unknown, unread } from './learn.ts';
import { inIndex } from './index-statements.ts';
import { lookOf, readReferrers, type Look } from './referrers.ts';
import { readManifest, readTag } from './resolve.ts';
import {
  candidateOf,
  layersOf,
  limitOf,
  mayCarry,
  mayHold,
  type Found,
  type SignatureLayer,
  type Wanted,
  cosignTag,
  placesOf,
  type Place,
} from './signature-layers.ts';
import type { Sources } from './ports.ts';

/** Signatures read for one image: each is a request, and cosign's endless-list flaw was CVE-2023-46737. */
const MAX_SIGNATURES = 100;
/** Read at the same time for one image, so that one image cannot use up the registry's whole budget. */
const READ_AT_ONCE = 8;

/** Predicate type of cosign's own "signed" statement. */
const SIGN_PREDICATE_TYPE = 'https://sigstore.dev/cosign/sign/v1';

/**
 * Reads and tries every signature and statement of an image that policies ask for: cosign's `.sig` and `.att` tags, and
 * referrers that carry their layers, sigstore bundles or plain statements, in every place. One that cannot be read is an
 * entry of its own and hides no other. Absent = there is nothing.
 */
export function readSignatures(
  image: PinnedRef,
  needs: SignatureNeeds,
  sources: Sources,
  signal: AbortSignal,
): Promise<Fact<readonly Signature[]>> {
  const keyFor = (look: Look) => ['signatures', nameOf(image), image.digest, fingerprintOf(needs), look];
  return sources.memory.recall(
    {
      key: keyFor(lookOf(sources, keyFor)),
      load: (loadSignal) => tryAll(image, needs, sources, loadSignal),
      keep: keeping,
      weigh: weightOf,
    },
    signal,
  );
}

/** Everything the answer depends on besides the image: what is looked for, where, and what it is tried against. */
function fingerprintOf({
  trust,
  signatures,
  predicateTypes,
  repositories,
  unsigned,
}: SignatureNeeds): string {
  return JSON.stringify([
    trust.keys.map(({ fingerprint }) => fingerprint).sort(),
    trust.roots.map(({ fingerprint }) => fingerprint).sort(),
    [signatures, unsigned],
    predicateTypes,
    repositories.map(nameOf).sort(),
  ]);
}

/** Proof lasts; its absence is forgotten soon, because people sign right after a refusal. */
function keeping(fact: Fact<readonly Signature[]>): Keeping {
  if (fact.state !== 'found') return fact.state;
  if (fact.value.some(({ state }) => state === 'unread')) return 'brief';
  return fact.value.some(({ state }) => state === 'proven') ? 'found' : 'absent';
}

async function tryAll(
  image: PinnedRef,
  needs: SignatureNeeds,
  sources: Sources,
  signal: AbortSignal,
): Promise<Fact<readonly Signature[]>> {
  const wanted: Wanted = {
    predicateTypes: [...needs.predicateTypes, ...(needs.signatures ? [SIGN_PREDICATE_TYPE] : [])],
    unsigned: needs.unsigned,
  };
  const places = placesOf(image, needs.repositories);
  const found = await Promise.all([
    ...(needs.unsigned ? [inIndex(image, wanted, { sources, signal })] : []),
    ...places.flatMap((place) => [
      ...tagSuffixes(needs).map((suffix) => inTag({ place, image, suffix }, wanted, { sources, signal })),
      inReferrers(place, image, wanted, { sources, signal }),
    ]),
  ]);
  const layers = found.flatMap((one) => one.layers);
  const onlySignatures = needs.predicateTypes.every((type) => type === RELEASE_PREDICATE_TYPE);
  const atOnce = pLimit(READ_AT_ONCE);
  const tried = layers
    .slice(0, MAX_SIGNATURES)
    .map((layer) =>
      atOnce(() => trySignature(layer, { trust: needs.trust, onlySignatures }, sources, signal)),
    );
  const value = [
    ...(await Promise.all(tried)).flat(),
    ...found.flatMap((one) => one.unread),
    ...cut(layers.length),
  ];
  return value.length === 0
    ? { state: 'absent', seenAt: sources.clock() }
    : { state: 'found', value, seenAt: sources.clock() };
}

interface Reading {
  readonly sources: Sources;
  readonly signal: AbortSignal;
}

/** Which of cosign's tags may hold something that is wanted: each one is a request. */
function tagSuffixes({ signatures, predicateTypes }: SignatureNeeds): readonly ('sig' | 'att')[] {
  return [
    ...(signatures ? (['sig'] as const) : []),
    ...(predicateTypes.length > 0 ? (['att'] as const) : []),
  ];
}

async function inTag(
  { place, image, suffix }: { place: Place; image: PinnedRef; suffix: 'sig' | 'att' },
  wanted: Wanted,
  { sources, signal }: Reading,
): Promise<Found> {
  const manifest = await readTag({ ...place, tag: cosignTag(image, suffix) }, sources, signal);
  return layersOf({ manifest, place, about: image.digest }, wanted);
}

async function inReferrers(
  place: Place,
  image: PinnedRef,
  wanted: Wanted,
  { sources, signal }: Reading,
): Promise<Found> {
  const there = pin(place, image.digest);
  // Asked with the signal of this load: the caller's own deadline must not darken what others share.
  const referrers = await readReferrers(there, sources, signal);
  if (referrers.state === 'unknown') return { layers: [], unread: [unread(referrers)] };
  const all = referrers.state === 'found' ? referrers.value : [];
  const unreadable = all.filter((referrer) => referrer.state === 'unread');
  const carriers = all
    .filter((referrer) => referrer.state === 'read')
    .filter(({ artifactType }) => mayCarry(artifactType, wanted))
    .filter(({ annotations }) => mayHold(annotations, wanted.predicateTypes));
  const atOnce = pLimit(READ_AT_ONCE);
  const found = await Promise.all(
    carriers.slice(0, MAX_SIGNATURES).map(({ digest }) =>
      atOnce(async () => {
        const manifest = await readManifest(pin(place, digest), sources, signal);
        return layersOf({ manifest, place, about: image.digest }, wanted);
      }),
    ),
  );
  return {
    layers: found.flatMap(({ layers }) => layers),
    unread: [...unreadable, ...found.flatMap((one) => one.unread), ...cut(carriers.length)],
  };
}

/** Fetches one candidate and tries it. A bug met on the way darkens this one alone. */
async function trySignature(
  layer: SignatureLayer,
  { trust, onlySignatures }: { readonly trust: Trust; readonly onlySignatures: boolean },
  { registry, verifySignature, ...sources }: Sources,
  signal: AbortSignal,
): Promise<readonly Signature[]> {
  const tried = await learn(async () => {
    const limit = limitOf(layer, onlySignatures);
    const bytes = await registry.blob(layer.place, layer.layer, limit, signal);
    return bytes && verifySignature(candidateOf(layer, bytes), layer.about, trust);
  }, sources);
  if (tried.state === 'found') return tried.value;
  const gone = unknown('UnreadableEvidence', 'the content of a signature is gone', false);
  return [unread(tried.state === 'absent' ? gone : tried)];
}

/** Too many are cut, and the cut is reported: it can only make an image refused, never accepted. */
function cut(count: number): readonly Unread[] {
  if (count <= MAX_SIGNATURES) return [];
  const detail = `${count} signatures are there, the first ${MAX_SIGNATURES} were tried`;
  return [unread(unknown('LimitExceeded', detail, false))];
}

/** Several answers about one image as one: what could not be read stays an entry. */
export function mergeSignatures(facts: readonly Fact<readonly Signature[]>[]): Fact<readonly Signature[]> {
  const [first, ...more] = facts;
  if (first === undefined || more.length === 0)
    return first ?? unknown('InternalError', 'nothing was asked', false);
  const value = facts.flatMap((fact) => {
    if (fact.state === 'unknown') return [unread(fact)];
    return fact.state === 'found' ? fact.value : [];
  });
  const seenAt = facts.flatMap((fact) => (fact.state === 'unknown' ? [] : [fact.seenAt]))[0];
  return seenAt === undefined ? first : { state: 'found', value, seenAt };
}
