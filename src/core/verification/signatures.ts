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
  type Referrer,
  type Signature,
  type SignatureCandidate,
  type Unread,
} from '../model/index.ts';
import { learn, unknown, unread } from './learn.ts';
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
  readonly referrers: Promise<Fact<readonly Referrer[]>>;
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
  { image, referrers, keys, predicateTypes }: SignatureSearch,
  sources: Sources,
  signal: AbortSignal,
): Promise<Fact<readonly Signature[]>> {
  const found = await Promise.all([
    inSignatureTag(image, sources, signal),
    inReferrers(image, await referrers, predicateTypes, { sources, signal }),
  ]);
  const dark = found.flatMap(({ unread }) => unread);
  const layers = found.flatMap(({ layers }) => layers);
  const atOnce = pLimit(READ_AT_ONCE);
  const tried = layers.slice(0, MAX_SIGNATURES).map((layer) =>
    atOnce(async (): Promise<Signature> => {
      const candidate = await fetchCandidate(image, layer, sources, signal);
      return candidate.form === 'unread'
        ? candidate.why
        : sources.verifySignature(candidate, image.digest, keys);
    }),
  );
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
  referrers: Fact<readonly Referrer[]>,
  predicateTypes: readonly string[],
  { sources, signal }: { readonly sources: Sources; readonly signal: AbortSignal },
): Promise<Found> {
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

async function fetchCandidate(
  image: PinnedRef,
  { carrier, layer }: SignatureLayer,
  sources: Sources,
  signal: AbortSignal,
): Promise<SignatureCandidate | { readonly form: 'unread'; readonly why: Unread }> {
  const simple = layer.mediaType === SIMPLE_SIGNING;
  const limit = simple ? MAX_PAYLOAD_BYTES : MAX_BUNDLE_BYTES;
  const bytes = await learn(() => sources.registry.blob(image, layer, limit, signal), sources);
  if (bytes.state === 'absent') {
    return {
      form: 'unread',
      why: unread(unknown('UnreadableEvidence', 'the content of a signature is gone', false)),
    };
  }
  if (bytes.state === 'unknown') return { form: 'unread', why: unread(bytes) };
  const { digest } = carrier;
  return simple
    ? { form: 'simple-signing', digest, payload: bytes.value, annotations: layer.annotations }
    : { form: 'bundle', digest, json: bytes.value };
}

/** A flood is cut, and said: it can only make an image refused, never accepted. */
function cut(count: number): readonly Unread[] {
  if (count <= MAX_SIGNATURES) return [];
  const detail = `${String(count)} signatures are there, the first ${String(MAX_SIGNATURES)} were tried`;
  return [unread(unknown('LimitExceeded', detail, false))];
}
