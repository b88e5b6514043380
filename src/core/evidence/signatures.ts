import pLimit from 'p-limit';
import { Fault, nameOf, pin, unknown } from '../model/index.ts';
import type { Fact, PinnedRef, Signature, Trust, Turn, Unread } from '../model/index.ts';
import { isUnreadable, readVulnerabilities, RELEASE_PREDICATE_TYPE } from '../policy/index.ts';
import type { SignatureNeeds } from '../policy/index.ts';
import { keepingUnread, weightOf, type Keeping } from './memory.ts';
import { inTurn, learn, nameOfOwner, unread, type Reading } from './ports.ts';
import { lookOf, readReferrers, type Look } from './referrers.ts';
import { readManifest, readTag } from './resolve.ts';
import {
  BUILDKIT_KIND,
  BUILDKIT_SUBJECT,
  byAge,
  candidateOf,
  cosignTag,
  layersOf,
  limitOf,
  MAX_SIGNATURES,
  mayCarry,
  mayHold,
  newestOf,
  placesOf,
  tagSuffixes,
} from './signature-layers.ts';
import type { Found, Place, SignatureLayer, Wanted } from './signature-layers.ts';

type Signatures = Fact<readonly Signature[]>;

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
  reading: Reading,
): Promise<Signatures> {
  const keyFor = (look: Look) => ['signatures', nameOf(image), image.digest, fingerprintOf(needs), look];
  return reading.memory.recall(
    {
      key: keyFor(lookOf(reading, keyFor)),
      // With the signal of this load: the deadline of one caller must not leave unknown what others share.
      load: (signal, turn) => tryAll(image, needs, inTurn({ ...reading, signal }, turn)),
      keep: keeping,
      weigh,
    },
    reading.signal,
  );
}

/** Those that were made, by the needs: most images of a request share them. */
const fingerprints = new WeakMap<SignatureNeeds, string>();

/** Everything the answer depends on besides the image: what is looked for, where, and what it is tried against. */
function fingerprintOf(needs: SignatureNeeds): string {
  const known = fingerprints.get(needs);
  if (known !== undefined) return known;
  const { trust, signatures, unsigned, predicateTypes, repositories } = needs;
  const fingerprint = JSON.stringify([
    trust.keys.map((key) => key.fingerprint).sort(),
    trust.roots.map((root) => root.fingerprint).sort(),
    [signatures, unsigned],
    predicateTypes,
    repositories.map(nameOf).sort(),
  ]);
  fingerprints.set(needs, fingerprint);
  return fingerprint;
}

/** Proof lasts; its absence is forgotten soon, because people sign right after a refusal. */
function keeping(fact: Signatures): Keeping {
  if (fact.state !== 'found') return fact.state;
  const proven = fact.value.some(({ state }) => state === 'proven');
  return keepingUnread(fact.value) ?? (proven ? 'found' : 'absent');
}

/** Bytes of one finding of a report in memory. */
const FINDING_BYTES = 150;

/** About how many bytes signatures take in memory. */
function weigh(fact: Signatures): number {
  if (fact.state !== 'found') return weightOf(fact);
  return fact.value.reduce((sum, signature) => sum + weighOne(signature), 500);
}

function weighOne(signature: Signature): number {
  const says = 'says' in signature && signature.says.kind === 'statement' ? signature.says : undefined;
  if (!says?.large) return 2 * JSON.stringify(signature).length;
  const report = readVulnerabilities(says);
  const findings = report && !isUnreadable(report) ? report.findings.length : 0;
  return 2_000 + (says.large.json?.byteLength ?? 0) + FINDING_BYTES * findings;
}

async function tryAll(image: PinnedRef, needs: SignatureNeeds, reading: Reading): Promise<Signatures> {
  const wanted: Wanted = {
    predicateTypes: [...needs.predicateTypes, ...(needs.signatures ? [SIGN_PREDICATE_TYPE] : [])],
    unsigned: needs.unsigned,
  };
  const found = await Promise.all([
    ...(needs.unsigned ? [inIndex(image, wanted, reading)] : []),
    ...placesOf(image, needs.repositories).flatMap((place) => [
      ...tagSuffixes(needs).map(async (suffix) => {
        const manifest = await readTag({ ...place, tag: cosignTag(image, suffix) }, reading);
        return layersOf(manifest, place, image.digest, wanted);
      }),
      inReferrers(place, image, wanted, reading),
    ]),
  ]);
  const onlySignatures = needs.predicateTypes.every((type) => type === RELEASE_PREDICATE_TYPE);
  const atOnce = pLimit(READ_AT_ONCE);
  const budget = withinBudget(newestOf(found.map((one) => one.layers)));
  const tried = budget.within.map((layer) =>
    atOnce(() => trySignature(layer, needs.trust, onlySignatures, reading)),
  );
  const value = [
    ...(await Promise.all(tried)).flat(),
    ...found.flatMap((one) => one.unread),
    ...cut(found.reduce((sum, { layers }) => sum + layers.length, 0)),
    ...budget.over,
  ];
  const seenAt = reading.clock();
  return value.length === 0 ? { state: 'absent', seenAt } : { state: 'found', value, seenAt };
}

/** Bytes of signatures and statements that are read of one image: an SBOM of full size, and small ones beside it. */
const MAX_IMAGE_BYTES = 48 * 1024 * 1024;

/** As many layers as the budget of an image allows, the smallest first: a signature is small, and must not be hidden by others. */
function withinBudget(layers: readonly SignatureLayer[]) {
  let bytes = 0;
  const bySize = layers.toSorted((a, b) => a.layer.size - b.layer.size);
  const small = bySize.filter(({ layer }) => {
    bytes += layer.size;
    return bytes <= MAX_IMAGE_BYTES;
  });
  const within = bytes <= MAX_IMAGE_BYTES ? layers : small;
  const detail = `${layers.length} signatures and statements have ${bytes} bytes, and ${MAX_IMAGE_BYTES} are read`;
  return { within, over: bytes > MAX_IMAGE_BYTES ? [unread(unknown('LimitExceeded', detail))] : [] };
}

async function inReferrers(place: Place, image: PinnedRef, wanted: Wanted, reading: Reading): Promise<Found> {
  const referrers = await readReferrers(pin(place, image.digest), reading);
  if (referrers.state === 'unknown') return { layers: [], unread: [unread(referrers)] };
  const all = referrers.state === 'found' ? referrers.value : [];
  const carriers = all
    .filter((referrer) => referrer.state === 'read')
    .filter(({ artifactType }) => mayCarry(artifactType, wanted))
    .filter(({ annotations }) => mayHold(annotations, wanted.predicateTypes));
  const atOnce = pLimit(READ_AT_ONCE);
  const found = await Promise.all(
    newestOf([byAge(carriers)]).map(({ digest }) =>
      atOnce(async () => {
        const manifest = await readManifest(pin(place, digest), reading);
        return layersOf(manifest, place, image.digest, wanted);
      }),
    ),
  );
  const unreadable = all.filter((referrer) => referrer.state === 'unread');
  return {
    layers: found.flatMap(({ layers }) => layers),
    unread: [...unreadable, ...found.flatMap((one) => one.unread), ...cut(carriers.length)],
  };
}

/** Carriers read of one index: one a platform, and real images have fewer than twenty. */
const MAX_CARRIERS = 64;

/**
 * Statements that BuildKit put into the index itself, each about one platform. The author of the index chose what they
 * name, so nothing in them is a proof: a signed statement about another image is not even tried.
 */
async function inIndex(image: PinnedRef, wanted: Wanted, reading: Reading): Promise<Found> {
  const manifest = await readManifest(image, reading);
  if (manifest.state === 'unknown') return { layers: [], unread: [unread(manifest)] };
  const manifests = manifest.state === 'found' ? manifest.value.manifests : [];
  const carriers = manifests.filter((one) => one.annotations[BUILDKIT_KIND] === 'attestation-manifest');
  const found = await Promise.all(
    carriers.slice(0, MAX_CARRIERS).map(async ({ digest, annotations }) => {
      const about =
        manifests.find((child) => child.digest === annotations[BUILDKIT_SUBJECT])?.digest ?? image.digest;
      return layersOf(await readManifest(pin(image, digest), reading), image, about, wanted);
    }),
  );
  const detail = `${carriers.length} statements are in the index, the first ${MAX_CARRIERS} were read`;
  return {
    layers: found.flatMap(({ layers }) => layers).filter(({ form }) => form === 'plain'),
    unread: [
      ...found.flatMap((one) => one.unread),
      ...(carriers.length > MAX_CARRIERS ? [unread(unknown('LimitExceeded', detail))] : []),
    ],
  };
}

/** Fetches one candidate and tries it. A bug met on the way leaves this one alone unknown. */
async function trySignature(
  layer: SignatureLayer,
  trust: Trust,
  onlySignatures: boolean,
  reading: Reading,
): Promise<readonly Signature[]> {
  const { registry, verifySignature, candidates, signal, turn } = reading;
  const owner = nameOfOwner(reading);
  const tried = await learn(async () => {
    const share = { owner, registry: layer.place.registry };
    const release = await waiting(turn, candidates?.reserve(layer.layer.size, share, signal));
    if (candidates && !release) throw noRoom(layer);
    try {
      const bytes = await registry.blob(layer.place, layer.layer, limitOf(layer, onlySignatures), signal);
      if (!bytes) return undefined;
      return await waiting(turn, verifySignature(candidateOf(layer, bytes), layer.about, trust, owner));
    } finally {
      release?.();
    }
  }, reading);
  if (tried.state === 'found') return tried.value;
  const gone = unknown('UnreadableEvidence', 'the content of a signature is gone');
  return [unread(tried.state === 'absent' ? gone : tried)];
}

/** What memory or threads of this process give, noted in the turn as what it waits for. Neither of them rejects. */
async function waiting<T>(turn: Turn | undefined, given: T): Promise<Awaited<T>> {
  const done = turn?.wait?.();
  const value = await given;
  done?.();
  return value;
}

function noRoom({ place, layer }: SignatureLayer): Fault {
  return new Fault({
    code: 'LimitExceeded',
    operation: `verify ${layer.digest} of ${nameOf(place)}`,
    detail: 'the time ran out while it waited for memory that other signatures take',
    side: 'source',
    transient: true,
  });
}

/** Too many are cut, and the cut is reported: it can only make an image refused, never accepted. */
function cut(count: number): readonly Unread[] {
  const older = count - MAX_SIGNATURES;
  const out = older === 1 ? '1 was left out' : `${older} were left out`;
  const detail = `${count} signatures are there; the newest ${MAX_SIGNATURES} were tried, ${out}`;
  return count > MAX_SIGNATURES ? [unread(unknown('LimitExceeded', detail))] : [];
}

/** Several answers about one image as one: what could not be read stays an entry. */
export function mergeSignatures(facts: readonly Signatures[]): Signatures {
  const [first = unknown('InternalError', 'nothing was asked'), ...more] = facts;
  const seenAt = facts.flatMap((fact) => (fact.state === 'unknown' ? [] : [fact.seenAt]))[0];
  if (more.length === 0 || seenAt === undefined) return first;
  const value = facts.flatMap((fact) => {
    if (fact.state === 'unknown') return [unread(fact)];
    return fact.state === 'found' ? fact.value : [];
  });
  return { state: 'found', value, seenAt };
}
