import { isIndexType, MEDIA_TYPE, parsed, problem } from '../../model/index.ts';
import type { Descriptor, Digest, Extension, Manifest, ManifestContent, Parsed } from '../../model/index.ts';
import type { SignedContent } from '../ports.ts';
import { digestIn, encodeJson, wireDescriptor, type Artifact, type ArtifactBlob } from './artifact.ts';
import { SIGNER_ANNOTATION, STATEMENT_ANNOTATION, statementMade } from './statement.ts';

/** Most layers of one such manifest: cosign reads no more (its answer to CVE-2023-46737). */
const MAX_LAYERS = 1_000;

const LAYER_TYPE = {
  sig: 'application/vnd.dev.cosign.simplesigning.v1+json',
  att: 'application/vnd.dsse.envelope.v1+json',
} as const;
const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json';
/** What Go writes for no time at all, and cosign therefore into each of these configs. */
export const NO_TIME = '0001-01-01T00:00:00Z';
/** Annotation that distinguishes signatures over the same payload. */
export const SIGNATURE = 'dev.cosignproject.cosign/signature';

/** A layer to be pushed: its blobs, and the manifest as what it adds to the one that lies there. */
export interface PlannedLayer extends Pick<Artifact, 'blobs'> {
  readonly extension: Extension;
}

/** What is under the tag, or what a manifest is that is not there yet. */
const manifestOf = (existing: ManifestContent | undefined): Pick<Manifest, 'mediaType' | 'layers'> =>
  existing?.manifest ?? { mediaType: MEDIA_TYPE.ociManifest, layers: [] };

/** One more layer for a `.sig` or `.att` manifest. */
export interface CosignLayer extends Pick<CosignLayerClaims, 'suffix' | 'signer'> {
  readonly signed: Pick<SignedContent, 'layer' | 'layerAnnotations'>;
  /** The digest of the layer, and of the statement in it, where they were computed already. */
  readonly digest?: Digest;
  readonly says?: Digest;
  /** Appended also where a layer claims to say the same: for a caller that has verified that layer. */
  readonly despiteClaims?: boolean;
}

/** What a layer claims to be. */
export interface CosignLayerClaims {
  readonly suffix: 'sig' | 'att';
  /** {@link ArtifactSigner.name} */
  readonly signer: string;
  /** Of an attestation. */
  readonly predicateType?: string;
  /** The digest of the simple-signing payload, or of the statement (see `statementDigest`). */
  readonly says?: Digest;
}

/**
 * The manifest under cosign's tag with this layer appended to those that are there; no signature is replaced or left
 * out. `undefined` = this very signature, or one by this signer that says the same, is there already.
 */
export function appendCosignLayer(
  existing: ManifestContent | undefined,
  {
    suffix,
    signed: { layer: bytes, layerAnnotations },
    signer,
    despiteClaims = false,
    ...known
  }: CosignLayer,
): Parsed<PlannedLayer | undefined> {
  // What a layer covers: the payload itself, or the statement in its envelope.
  const digest = digestIn({ bytes, digest: known.digest });
  const says = suffix === 'sig' ? digest : (known.says ?? statementMade(bytes));
  const claims = { [SIGNER_ANNOTATION]: signer, ...(suffix === 'att' && { [STATEMENT_ANNOTATION]: says }) };
  const annotations: SignedContent['layerAnnotations'] = { ...layerAnnotations, ...claims };
  const { mediaType, layers } = manifestOf(existing);
  if (isIndexType(mediaType)) return problem('', `is an index under the .${suffix} tag`);
  const signature = annotations[SIGNATURE];
  const isThere = layers.some((one) => one.digest === digest && one.annotations[SIGNATURE] === signature);
  const isClaimed = !despiteClaims && findCosignLayer({ layers }, { suffix, signer, says });
  if (isThere || isClaimed) return parsed(undefined);
  if (layers.length >= MAX_LAYERS)
    return problem('', `has ${MAX_LAYERS} layers under the .${suffix} tag already`);
  return parsed(withLayer(existing, { mediaType: LAYER_TYPE[suffix], bytes, digest, annotations }));
}

function withLayer(existing: ManifestContent | undefined, blob: ArtifactBlob): PlannedLayer {
  const { mediaType, layers } = manifestOf(existing);
  const config = configOf([...layers.map(({ digest }) => digest), digestIn(blob)]);
  const bytes = existing?.bytes ?? encodeJson({ schemaVersion: 2, mediaType });
  const named = wireDescriptor({ mediaType: CONFIG_TYPE, bytes: config });
  return {
    blobs: [config, blob.bytes],
    extension: { bytes, mediaType, layers: [wireDescriptor(blob)], config: named },
  };
}

/** A layer that claims to be by this signer and to say this. It is a claim and proves nothing. */
export function findCosignLayer(
  { layers }: Pick<Manifest, 'layers'>,
  { suffix, signer, predicateType, says }: CosignLayerClaims,
): Descriptor | undefined {
  return layers.find(({ mediaType, digest, annotations }) => {
    if (mediaType !== LAYER_TYPE[suffix] || annotations[SIGNER_ANNOTATION] !== signer) return false;
    if (predicateType !== undefined && annotations.predicateType !== predicateType) return false;
    return says === undefined || (suffix === 'sig' ? digest : annotations[STATEMENT_ANNOTATION]) === says;
  });
}

/** The config says nothing of a signature, but clients count its layers against those of the manifest. */
function configOf(diffIds: readonly Digest[]): Uint8Array {
  const created = { created: NO_TIME };
  return encodeJson({
    architecture: '',
    ...created,
    history: diffIds.map(() => created),
    os: '',
    rootfs: { type: 'layers', diff_ids: diffIds },
    config: {},
  });
}
