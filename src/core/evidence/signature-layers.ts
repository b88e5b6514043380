import { digestAlgorithm, digestHex, digestOf, nameOf } from '../model/index.ts';
import type {
  AnnotationKeys,
  Descriptor,
  Digest,
  Fact,
  ImageRef,
  Manifest,
  PinnedRef,
  SignatureCandidate,
  Unread,
} from '../model/index.ts';
import {
  annotationsOf,
  isOfType,
  USUAL_KEYS,
  type CompiledPolicy,
  type SignatureNeeds,
} from '../policy/index.ts';
import { unread, type KeptAnnotations } from './ports.ts';

/** A layer that says it is a signature or a statement, the manifest that carries it, and the digest it must be about. */
export interface SignatureLayer {
  readonly carrier: Digest;
  readonly place: Place;
  readonly layer: Descriptor;
  readonly about: Digest;
  readonly form: SignatureCandidate['form'];
}

export interface Found {
  readonly layers: readonly SignatureLayer[];
  readonly unread: readonly Unread[];
}

/** Largest simple-signing payload in bytes; real ones have a few hundred. */
const MAX_PAYLOAD_BYTES = 128 * 1024;
/** Largest bundle around a mere signature or release, in bytes; real ones have a few thousand. */
const MAX_SIGNATURE_BYTES = 1024 * 1024;
/** Largest statement or report in bytes, as it lies in a registry: one of 32 MiB is a third longer in the base64 of its envelope. */
const MAX_STATEMENT_BYTES = 44 * 1024 * 1024;
/** Signatures read for one image: each is a request, and cosign's endless-list flaw was CVE-2023-46737. */
export const MAX_SIGNATURES = 100;

const SIMPLE_SIGNING = 'application/vnd.dev.cosign.simplesigning.v1+json';
const ENVELOPE = 'application/vnd.dsse.envelope.v1+json';
const BUNDLE = 'application/vnd.dev.sigstore.bundle';
const IN_TOTO = 'application/vnd.in-toto+json';

/** Annotations that hint at the predicate type inside: cosign's on bundles and `.att` layers, in-toto's on plain statements. */
const PREDICATE_HINTS = ['dev.sigstore.bundle.predicateType', 'predicateType', 'in-toto.io/predicate-type'];

/** Annotation of a carrier with the time at which it was made, as cosign 3 writes it (OCI image spec, annotations). */
const CREATED = 'org.opencontainers.image.created';

/** Annotations of carriers and their layers that are read: the hints, the time, and what cosign puts beside a signature (cosign SIGNATURE_SPEC). */
export const CARRIED_KEYS: readonly string[] = [
  ...PREDICATE_HINTS,
  CREATED,
  'dev.cosignproject.cosign/signature',
  'dev.sigstore.cosign/certificate',
  'dev.sigstore.cosign/chain',
  'dev.sigstore.cosign/bundle',
  'dev.sigstore.cosign/rfc3161timestamp',
];

/** Annotation by which BuildKit marks a child of an index that is no platform but carries statements about one. */
export const BUILDKIT_KIND = 'vnd.docker.reference.type';
/** The platform that such a child is about. */
export const BUILDKIT_SUBJECT = 'vnd.docker.reference.digest';

export interface Wanted {
  readonly predicateTypes: readonly string[];
  /** Also statements and reports without a signature. */
  readonly unsigned: boolean;
}

/** Whether something with these annotations may hold a wanted statement; a hint is never trusted, only used to skip. */
export function mayHold(annotations: Descriptor['annotations'], predicateTypes: readonly string[]): boolean {
  const hint = PREDICATE_HINTS.map((key) => annotations[key]).find((value) => value !== undefined);
  return hint === undefined || isWanted(hint, predicateTypes);
}

function isWanted(type: string, predicateTypes: readonly string[]): boolean {
  return predicateTypes.some((wanted) => isOfType(type, wanted));
}

/** Whether a referrer of this artifact type may carry something that is wanted. */
export function mayCarry(artifactType: string, wanted: Wanted): boolean {
  if (artifactType === 'application/vnd.dev.cosign.artifact.sig.v1+json') return true;
  if (artifactType.startsWith(BUNDLE) || artifactType === ENVELOPE) return true;
  return isPlain(artifactType, wanted);
}

/** The layers of a carrier, stored at `place`, that may hold something wanted about this digest. */
export function layersOf(manifest: Fact<Manifest>, place: Place, about: Digest, wanted: Wanted): Found {
  if (manifest.state === 'unknown') return { layers: [], unread: [unread(manifest)] };
  if (manifest.state === 'absent') return { layers: [], unread: [] };
  const { digest: carrier, layers } = manifest.value;
  const found = layers.flatMap((layer) => {
    const form = formOf(layer.mediaType, wanted);
    const worth = form === 'simple-signing' || mayHold(layer.annotations, wanted.predicateTypes);
    return form && worth ? [{ carrier, place, layer, about, form }] : [];
  });
  return { layers: found, unread: [] };
}

/**
 * As many as are tried, in their order: all, or the newest of each source, one after the other, so that no source hides
 * another. Each source has its oldest first.
 */
export function newestOf<T extends object>(sources: readonly (readonly T[])[]): readonly T[] {
  const all = sources.flat();
  if (all.length <= MAX_SIGNATURES) return all;
  const steps = Array.from({ length: MAX_SIGNATURES }, (_, step) => -1 - step);
  const newestFirst = steps.flatMap((step) => sources.flatMap((source) => source.at(step) ?? []));
  const newest = new Set(newestFirst.slice(0, MAX_SIGNATURES));
  return all.filter((one) => newest.has(one));
}

/**
 * Carriers with the oldest first: those that name no time as listed, for clients add at the end, then the others by the time
 * that they claim. A claim decides only what is tried where there is too much.
 */
export function byAge<T extends { readonly annotations: Descriptor['annotations'] }>(
  carriers: readonly T[],
): readonly T[] {
  const time = ({ annotations }: T): number => Date.parse(annotations[CREATED] ?? '') || 0;
  return carriers.toSorted((a, b) => time(a) - time(b));
}

function formOf(mediaType: string, wanted: Wanted): SignatureLayer['form'] | undefined {
  if (mediaType === SIMPLE_SIGNING) return 'simple-signing';
  if (mediaType === ENVELOPE) return 'envelope';
  if (mediaType.startsWith(BUNDLE)) return 'bundle';
  return isPlain(mediaType, wanted) ? 'plain' : undefined;
}

/** An unsigned statement, or an unsigned report of a kind that is wanted by its media type. */
function isPlain(type: string, { unsigned, predicateTypes }: Wanted): boolean {
  return unsigned && (type === IN_TOTO || isWanted(type, predicateTypes));
}

/** Bytes that are read of a layer at most. */
export function limitOf({ form }: SignatureLayer, onlySignatures: boolean): number {
  if (form === 'simple-signing') return MAX_PAYLOAD_BYTES;
  return onlySignatures ? MAX_SIGNATURE_BYTES : MAX_STATEMENT_BYTES;
}

export function candidateOf({ carrier, layer, form }: SignatureLayer, bytes: Uint8Array): SignatureCandidate {
  const { annotations, mediaType } = layer;
  switch (form) {
    case 'simple-signing':
      return { form, digest: carrier, payload: bytes, annotations };
    case 'envelope':
      return { form, digest: carrier, json: bytes, annotations };
    case 'bundle':
      return { form, digest: carrier, json: bytes };
    case 'plain':
      return { form, digest: carrier, json: bytes, mediaType };
  }
}

/** A repository in which signatures of an image may lie: its own, and those that authorities name. */
export type Place = Pick<ImageRef, 'registry' | 'repository'>;

/** Every repository to look in, each once, that of the image first. */
export function placesOf(image: PinnedRef, repositories: readonly ImageRef[]): readonly Place[] {
  const all = [image, ...repositories].map(({ registry, repository }) => ({ registry, repository }));
  return [...new Map(all.map((place) => [nameOf(place), place])).values()];
}

/** Everywhere that is looked for signatures and statements of an image, for a person. */
export function searchedPlaces(image: PinnedRef, needs: SignatureNeeds): readonly string[] {
  return placesOf(image, needs.repositories).flatMap((place) => [
    ...tagSuffixes(needs).map((suffix) => `tag ${nameOf(place)}:${cosignTag(image, suffix)}`),
    `referrers of ${image.digest} in ${nameOf(place)}`,
  ]);
}

/** Which of cosign's tags may hold something that is wanted: each one is a request. */
export function tagSuffixes({ signatures, predicateTypes }: SignatureNeeds): readonly ('sig' | 'att')[] {
  const [sig, att] = ['sig', 'att'] as const;
  return [...(signatures ? [sig] : []), ...(predicateTypes.length > 0 ? [att] : [])];
}

/** The tag under which cosign 2 keeps signatures (`sig`) or attestations (`att`) of a digest. */
export function cosignTag({ digest }: PinnedRef, suffix: 'sig' | 'att'): string {
  return `${digestAlgorithm(digest)}-${digestHex(digest)}.${suffix}`;
}

/** What is read whatever policies ask: by which signatures are recognised and verified. */
const ALWAYS: AnnotationKeys = [...CARRIED_KEYS, BUILDKIT_KIND, BUILDKIT_SUBJECT, ...USUAL_KEYS];

/** Characters of the name: two sets of keys with one name would be taken for each other. */
const ID_LENGTH = 16;

/** What is kept where no policy names annotations of its own: the usual case costs no hash. */
const USUAL: KeptAnnotations = { id: 'usual', keys: ALWAYS };

/** What to keep for all of these policies: facts are shared among their images. */
export function keptFor(policies: readonly CompiledPolicy[]): KeptAnnotations {
  const asked = annotationsOf(policies);
  if (asked.length === 0) return USUAL;
  const id = digestOf(JSON.stringify(asked)).slice('sha256:'.length, 'sha256:'.length + ID_LENGTH);
  return { id, keys: [...ALWAYS, ...asked] };
}
