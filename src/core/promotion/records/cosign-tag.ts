import * as z from 'zod';
import {
  digestOf,
  isIndexType,
  MEDIA_TYPE,
  parsed,
  problem,
  type Descriptor,
  type Digest,
  type Manifest,
  type ManifestContent,
  type Parsed,
} from '../../model/index.ts';
import type { SignedContent } from '../ports.ts';
import { contentOf, encodeJson, wireDescriptor, type Artifact, type ArtifactBlob } from './artifact.ts';
import { SIGNER_ANNOTATION, STATEMENT_ANNOTATION, statementInEnvelope } from './claims.ts';

/** Most layers of one such manifest: cosign reads no more (its answer to CVE-2023-46737). */
const MAX_LAYERS = 1_000;

const LAYER_TYPE = {
  sig: 'application/vnd.dev.cosign.simplesigning.v1+json',
  att: 'application/vnd.dsse.envelope.v1+json',
} as const;
const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json';
/** What Go writes for no time at all, and cosign therefore into each of these configs. */
const NO_TIME = '0001-01-01T00:00:00Z';
const SIGNATURE = 'dev.cosignproject.cosign/signature';

/** Every field of a manifest stays, known or not: what others wrote is not ours to tidy. */
const rawManifest = z.looseObject({ layers: z.array(z.unknown()).nullish() });

/** One more layer for a `.sig` or `.att` manifest. */
export interface CosignLayer {
  readonly suffix: 'sig' | 'att';
  readonly signed: Pick<SignedContent, 'layer' | 'layerAnnotations'>;
  /** {@link ArtifactSigner.name} */
  readonly signer: string;
  /** Appended also where a layer claims to say the same: for a caller that has verified that layer. */
  readonly despiteClaims?: boolean;
}

/** What a layer claims to be. */
export interface CosignLayerClaims {
  readonly suffix: 'sig' | 'att';
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
  { suffix, signed, signer, despiteClaims = false }: CosignLayer,
): Parsed<Artifact | undefined> {
  const { layer, layerAnnotations } = signed;
  const says = saysOf(suffix, layer);
  const claims = { [SIGNER_ANNOTATION]: signer, ...(suffix === 'att' && { [STATEMENT_ANNOTATION]: says }) };
  const mediaType = LAYER_TYPE[suffix];
  const blob = { mediaType, bytes: layer, annotations: { ...layerAnnotations, ...claims } };
  if (existing === undefined) {
    const { ociManifest } = MEDIA_TYPE;
    const raw = { schemaVersion: 2, mediaType: ociManifest };
    return parsed(assemble({ mediaType: ociManifest, raw, listed: [], known: [] }, blob));
  }
  const { manifest, bytes } = existing;
  if (isIndexType(manifest.mediaType)) return problem('', `is an index under the .${suffix} tag`);
  const claimed = despiteClaims ? undefined : findCosignLayer(manifest, { suffix, signer, says });
  if (isThere(manifest, blob) || claimed) return parsed(undefined);
  const known = manifest.layers;
  if (known.length >= MAX_LAYERS)
    return problem('', `has ${MAX_LAYERS} layers under the .${suffix} tag already`);
  const raw = rawManifest.parse(JSON.parse(new TextDecoder().decode(bytes)));
  const { mediaType: carrier } = manifest;
  return parsed(assemble({ mediaType: carrier, raw, listed: raw.layers ?? [], known }, blob));
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

function isThere(
  { layers }: Pick<Manifest, 'layers'>,
  { bytes, annotations }: Required<ArtifactBlob>,
): boolean {
  const digest = digestOf(bytes);
  return layers.some((one) => one.digest === digest && one.annotations[SIGNATURE] === annotations[SIGNATURE]);
}

/** What a layer covers: the payload itself, or the statement in its envelope. */
function saysOf(suffix: CosignLayer['suffix'], layer: Uint8Array): Digest {
  return suffix === 'sig' ? digestOf(layer) : statementInEnvelope(layer);
}

interface Carrier {
  readonly mediaType: string;
  readonly raw: object;
  /** The layers as they are listed, field by field. */
  readonly listed: readonly unknown[];
  readonly known: readonly Descriptor[];
}

/** The config says nothing of a signature, but clients count its layers against those of the manifest. */
function assemble({ mediaType, raw, listed, known }: Carrier, blob: ArtifactBlob): Artifact {
  const created = { created: NO_TIME };
  const layers = [...known.map(({ digest }) => digest), digestOf(blob.bytes)];
  const bytes = encodeJson({
    architecture: '',
    ...created,
    history: layers.map(() => created),
    os: '',
    rootfs: { type: 'layers', diff_ids: layers },
    config: {},
  });
  const body = {
    ...raw,
    config: wireDescriptor({ mediaType: CONFIG_TYPE, bytes }),
    layers: [...listed, wireDescriptor(blob)],
  };
  return { blobs: [bytes, blob.bytes], content: contentOf(body, mediaType) };
}
