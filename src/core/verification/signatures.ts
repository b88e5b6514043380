import pLimit from 'p-limit';
import {
  digestAlgorithm,
  digestHex,
  nameOf,
  pin,
  type Descriptor,
  type Fact,
  type Manifest,
  type PinnedRef,
  type PublicKey,
  type Signature,
  type SignatureCandidate,
  type Unread,
} from '../model/index.ts';
import { learn, unknown, unread } from './learn.ts';
import { readReferrers } from './referrers.ts';
import { readManifest, readTag } from './resolve.ts';
import type { Keeping } from './memory.ts';
import type { Sources } from './sources.ts';

/** Signatures read for one image: each is a request, and cosign's endless-list flaw was CVE-2023-46737. */
const MAX_SIGNATURES = 50;
/** Read at the same time for one image, so that one image cannot use up the registry's whole budget. */
const READ_AT_ONCE = 8;
/** Largest simple-signing payload in bytes; real ones have a few hundred. */
const MAX_PAYLOAD_BYTES = 128 * 1024;
/** Largest bundle in bytes; one around a signature or release has a few thousand. */
const MAX_BUNDLE_BYTES = 1024 * 1024;

const SIMPLE_SIGNING = 'application/vnd.dev.cosign.simplesigning.v1+json';
const COSIGN_SIGNATURE = 'application/vnd.dev.cosign.artifact.sig.v1+json';
const BUNDLE = 'application/vnd.dev.sigstore.bundle';
/** Annotation by which a bundle's referrer hints at what is inside (cosign 3); never believed, only used to skip. */
const PREDICATE_HINT = 'dev.sigstore.bundle.predicateType';

/** What to look for next to an image. */
export interface SignatureSearch {
  readonly image: PinnedRef;
  readonly keys: readonly PublicKey[];
  /** Bundles that hint at another predicate type than these are left unread. */
  readonly predicateTypes: readonly string[];
}

/**
 * Reads and tries every signature of an image: cosign's `sha256-<hex>.sig` tag, and referrers that carry its layers or
 * sigstore bundles. One that cannot be read is an entry of its own and hides no other. Absent = nobody has signed.
 */
export function readSignatures(
  search: SignatureSearch,
  sources: Sources,
  signal: AbortSignal,
): Promise<Fact<readonly Signature[]>> {
  const { image, keys } = search;
  const trust = keys.map(({ fingerprint }) => fingerprint).sort();
  return sources.memory.recall(
    {
      key: ['signatures', nameOf(image), image.digest, trust.join(' ')],
      load: (loadSignal) => tryAll(search, sources, loadSignal),
      keep: keeping,
      weigh: (fact) => 500 + (fact.state === 'found' ? JSON.stringify(fact.value).length * 2 : 0),
    },
    signal,
  );
}

/** Proof lasts; its absence is forgotten soon, because people sign right after a refusal. */
function keeping(fact: Fact<readonly Signature[]>): Keeping {
  if (fact.state !== 'found') return fact.state;
  if (fact.value.some(({ state }) => state === 'unread')) return 'brief';
  return fact.value.some(({ state }) => state === 'proven') ? 'found' : 'absent';
}

async function tryAll(
  { image, keys, predicateTypes }: SignatureSearch,
  sources: Sources,
  signal: AbortSignal,
): Promise<Fact<readonly Signature[]>> {
  const found = await Promise.all([
    inSignatureTag(image, sources, signal),
    inReferrers(image, predicateTypes, { sources, signal }),
  ]);
  const dark = found.flatMap(({ unread }) => unread);
  const layers = found.flatMap(({ layers }) => layers);
  const atOnce = pLimit(READ_AT_ONCE);
  const tried = layers
    .slice(0, MAX_SIGNATURES)
    .map((layer) => atOnce(() => trySignature(layer, { image, keys }, sources, signal)));
  const value = [...(await Promise.all(tried)), ...dark, ...cut(layers.length)];
  return value.length === 0
    ? { state: 'absent', seenAt: sources.clock() }
    : { state: 'found', value, seenAt: sources.clock() };
}

/** A layer that says it is a signature, and the manifest that carries it. */
interface SignatureLayer {
  readonly carrier: Manifest;
  readonly layer: Descriptor;
}

interface Found {
  readonly layers: readonly SignatureLayer[];
  readonly unread: readonly Unread[];
}

async function inSignatureTag(image: PinnedRef, sources: Sources, signal: AbortSignal): Promise<Found> {
  const { registry, repository, digest } = image;
  const tag = `${digestAlgorithm(digest)}-${digestHex(digest)}.sig`;
  return signatureLayers(await readTag({ registry, repository, tag }, sources, signal));
}

async function inReferrers(
  image: PinnedRef,
  predicateTypes: readonly string[],
  { sources, signal }: { readonly sources: Sources; readonly signal: AbortSignal },
): Promise<Found> {
  // Asked with the signal of this load: the caller's own deadline must not darken what others share.
  const referrers = await readReferrers(image, sources, signal);
  if (referrers.state === 'unknown') return { layers: [], unread: [unread(referrers)] };
  const all = referrers.state === 'found' ? referrers.value : [];
  const dark = all.filter((referrer) => referrer.state === 'unread');
  const carriers = all
    .filter((referrer) => referrer.state === 'read')
    .filter(({ artifactType }) => artifactType === COSIGN_SIGNATURE || artifactType.startsWith(BUNDLE))
    .filter(({ annotations }) => {
      const hint = annotations[PREDICATE_HINT];
      return hint === undefined || predicateTypes.includes(hint);
    });
  const atOnce = pLimit(READ_AT_ONCE);
  const found = await Promise.all(
    carriers
      .slice(0, MAX_SIGNATURES)
      .map(({ digest }) =>
        atOnce(async () => signatureLayers(await readManifest(pin(image, digest), sources, signal))),
      ),
  );
  return {
    layers: found.flatMap(({ layers }) => layers),
    unread: [...dark, ...found.flatMap(({ unread }) => unread), ...cut(carriers.length)],
  };
}

function signatureLayers(carrier: Fact<Manifest>): Found {
  if (carrier.state === 'unknown') return { layers: [], unread: [unread(carrier)] };
  if (carrier.state === 'absent') return { layers: [], unread: [] };
  const layers = carrier.value.layers.filter(
    ({ mediaType }) => mediaType === SIMPLE_SIGNING || mediaType.startsWith(BUNDLE),
  );
  return { layers: layers.map((layer) => ({ carrier: carrier.value, layer })), unread: [] };
}

/** Fetches one signature and tries it. A bug met on the way darkens this one alone. */
async function trySignature(
  signature: SignatureLayer,
  { image, keys }: Pick<SignatureSearch, 'image' | 'keys'>,
  { registry, verifySignature, ...sources }: Sources,
  signal: AbortSignal,
): Promise<Signature> {
  const { layer } = signature;
  const limit = layer.mediaType === SIMPLE_SIGNING ? MAX_PAYLOAD_BYTES : MAX_BUNDLE_BYTES;
  const tried = await learn(async () => {
    const bytes = await registry.blob(image, layer, limit, signal);
    return bytes && verifySignature(candidate(signature, bytes), image.digest, keys);
  }, sources);
  if (tried.state === 'found') return tried.value;
  const gone = unknown('UnreadableEvidence', 'the content of a signature is gone', false);
  return unread(tried.state === 'absent' ? gone : tried);
}

function candidate({ carrier, layer }: SignatureLayer, bytes: Uint8Array): SignatureCandidate {
  const { digest } = carrier;
  return layer.mediaType === SIMPLE_SIGNING
    ? { form: 'simple-signing', digest, payload: bytes, annotations: layer.annotations }
    : { form: 'bundle', digest, json: bytes };
}

/** A flood is cut, and said: it can only make an image refused, never accepted. */
function cut(count: number): readonly Unread[] {
  if (count <= MAX_SIGNATURES) return [];
  const detail = `${String(count)} signatures are there, the first ${String(MAX_SIGNATURES)} were tried`;
  return [unread(unknown('LimitExceeded', detail, false))];
}
