import {
  digestAlgorithm,
  digestHex,
  digestOf,
  Fault,
  MEDIA_TYPE,
  pin,
  type Descriptor,
  type Manifest,
  type PinnedRef,
} from '../../model/index.ts';
import type { SourceRegistry } from '../ports.ts';
import { isSbomPredicate, mayHoldSbom, sbomIn } from './sbom-document.ts';
import { statementsInIndex } from './platforms.ts';

/** Largest SBOM that is read, in bytes: those of big images have several millions. */
const MAX_SBOM_BYTES = 16 * 1024 * 1024;
/** Most things opened in search of the SBOMs of one platform; real images have a handful. */
const MAX_OPENED = 32;
/** Most different SBOMs of one platform: each is a scan, and two formats by two builders are four. */
const MAX_SBOMS = 8;

/** Types under which some registries list everything that has no config of its own: one has to look inside. */
const SAYS_NOTHING: ReadonlySet<string | undefined> = new Set([
  undefined,
  MEDIA_TYPE.empty,
  'application/vnd.oci.image.config.v1+json',
]);
/** Annotations that hint at the predicate type inside: BuildKit's, cosign's on bundles, and on `.att` layers. */
const PREDICATE_HINTS = ['in-toto.io/predicate-type', 'dev.sigstore.bundle.predicateType', 'predicateType'];
/** Ends of the tags under which cosign keeps attestations and SBOMs of a digest. */
const COSIGN_TAGS = ['att', 'sbom'];

/** What is read in search of SBOMs. */
export type SbomSource = Pick<SourceRegistry, 'manifest' | 'referrers' | 'blob'>;

/** Whose SBOMs are looked for: a platform, and the image that it belongs to. */
export interface SbomQuestion {
  /** The platform's own manifest. */
  readonly platform: PinnedRef;
  /** The index that lists it, or the platform itself. */
  readonly image: Manifest;
  readonly registry: SbomSource;
}

/**
 * All SBOMs of a platform, SPDX or CycloneDX as JSON, each once: attached as referrers, put into the index by BuildKit, or kept
 * under cosign's tags; bare or in a statement about this very platform. All of them, because anyone who can push can attach
 * one that lists little. Throws a Fault when something could not be read, or there is more than is read.
 */
export async function findSboms(question: SbomQuestion, signal: AbortSignal): Promise<readonly Uint8Array[]> {
  const { platform, registry } = question;
  const found = new Map<string, Uint8Array>();
  for (const layer of await layersOf(question, signal)) {
    const bytes = await registry.blob(platform, layer, MAX_SBOM_BYTES, signal);
    if (bytes === undefined) throw unreadable(platform, `its SBOM ${layer.digest} is gone`);
    const sbom = sbomIn(bytes, layer.mediaType, platform.digest);
    if (sbom) found.set(digestOf(sbom), sbom);
    if (found.size > MAX_SBOMS) throw tooMany(platform, `more than ${String(MAX_SBOMS)} SBOMs`);
  }
  return [...found.values()];
}

/** The layers that may hold an SBOM, each once. */
async function layersOf(question: SbomQuestion, signal: AbortSignal): Promise<readonly Descriptor[]> {
  const carriers = await carriersOf(question, signal);
  const layers = carriers.flatMap((carrier) =>
    carrier.layers.filter(({ mediaType, annotations }) => mayHoldSbom(mediaType) && mayBeSbom(annotations)),
  );
  if (layers.length > MAX_OPENED)
    throw tooMany(question.platform, `more than ${String(MAX_OPENED)} statements`);
  return [...new Map(layers.map((layer) => [layer.digest, layer])).values()];
}

async function carriersOf(
  { platform, image, registry }: SbomQuestion,
  signal: AbortSignal,
): Promise<readonly Manifest[]> {
  const attached = (await registry.referrers(platform, signal)).filter(
    ({ artifactType, annotations }) =>
      (SAYS_NOTHING.has(artifactType) || mayHoldSbom(artifactType ?? '')) && mayBeSbom(annotations),
  );
  const digests = [...attached.map(({ digest }) => digest), ...statementsInIndex(image, platform.digest)];
  if (digests.length > MAX_OPENED) throw tooMany(platform, `more than ${String(MAX_OPENED)} statements`);
  const named = await Promise.all(
    digests.map(async (digest) => {
      const carrier = await registry.manifest(pin(platform, digest), signal);
      if (carrier === undefined) throw unreadable(platform, `what is attached to it as ${digest} is gone`);
      return carrier;
    }),
  );
  const tagged = await Promise.all(
    COSIGN_TAGS.map((end) => registry.manifest(cosignTag(platform, end), signal)),
  );
  return [...named, ...tagged.filter((carrier) => carrier !== undefined)];
}

function cosignTag({ registry, repository, digest }: PinnedRef, end: string) {
  return { registry, repository, tag: `${digestAlgorithm(digest)}-${digestHex(digest)}.${end}` };
}

function mayBeSbom(annotations: Descriptor['annotations']): boolean {
  const hint = PREDICATE_HINTS.map((key) => annotations[key]).find((value) => value !== undefined);
  return hint === undefined || isSbomPredicate(hint);
}

function unreadable(platform: PinnedRef, detail: string): Fault {
  return faultOf(platform, { code: 'UnreadableEvidence', transient: true, detail });
}

function tooMany(platform: PinnedRef, what: string): Fault {
  return faultOf(platform, { code: 'LimitExceeded', transient: false, detail: `it has ${what}` });
}

function faultOf({ digest }: PinnedRef, details: Pick<Fault, 'code' | 'transient' | 'detail'>): Fault {
  return new Fault({ ...details, operation: `find the SBOMs of ${digest}`, side: 'source' });
}
