import { pin, type Descriptor, type Digest, type ManifestContent } from '../../model/index.ts';
import type { ArtifactSigner, SignedContent } from '../ports.ts';
import { findBundle, type BundleClaims } from '../records/bundle-artifact.ts';
import { statementInBundle, statementInEnvelope } from '../records/claims.ts';
import { findCosignLayer, type CosignLayerClaims } from '../records/cosign-tag.ts';
import type { WritePlace } from './place.ts';

/** Records that claim to be ours and are opened; real images have one or two. */
const MAX_CLAIMS = 20;
/** Largest record that is opened, in bytes: as large as statements are read for a verdict. */
const MAX_RECORD_BYTES = 16 * 1024 * 1024;

/** What would be written, and with which identity. */
export interface OwnQuestion {
  readonly signer: ArtifactSigner;
  readonly sign: () => Promise<SignedContent>;
}

/**
 * Whether the image has this bundle of this signer already. Annotations are claims that anyone can write: one that is forged must
 * not keep ours from being made, so a record that claims to be ours is opened and compared with what we would write.
 */
export async function hasBundle(
  place: WritePlace,
  claims: BundleClaims & { readonly statement?: Digest },
  { signer, sign }: OwnQuestion,
  signal: AbortSignal,
): Promise<boolean> {
  const { target, to, about } = place;
  let listed = await target.referrers(pin(to, about.digest), signal);
  for (let opened = 0; opened < MAX_CLAIMS; opened += 1) {
    const found = findBundle(listed, claims);
    if (!found || !signer.made) return found !== undefined;
    const json = await layerOf(place, found, signal);
    if (json && statementIn(json, statementInBundle) === statementInBundle((await sign()).bundle))
      if (signer.made({ form: 'bundle', json })) return true;
    listed = listed.filter(({ digest }) => digest !== found.digest);
  }
  return false;
}

async function layerOf(
  { target, to }: WritePlace,
  { digest }: Descriptor,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  const layer = (await target.manifest(pin(to, digest), signal))?.layers[0];
  return layer && layer.size <= MAX_RECORD_BYTES
    ? target.blob(to, layer, MAX_RECORD_BYTES, signal)
    : undefined;
}

/** Whether a layer under cosign's tag is this one of this signer. */
export async function hasLayer(
  { target, to }: WritePlace,
  { existing, ...claims }: CosignLayerClaims & { readonly existing: ManifestContent },
  { signer, sign }: OwnQuestion,
  signal: AbortSignal,
): Promise<boolean> {
  let { layers } = existing.manifest;
  for (let opened = 0; opened < MAX_CLAIMS; opened += 1) {
    const found = findCosignLayer({ layers }, claims);
    if (!found || !signer.made) return found !== undefined;
    const bytes =
      found.size <= MAX_RECORD_BYTES ? await target.blob(to, found, MAX_RECORD_BYTES, signal) : undefined;
    const ours = await sign();
    if (bytes && isSame(bytes, ours.layer, claims.suffix)) {
      const { annotations } = found;
      const record =
        claims.suffix === 'sig'
          ? ({ form: 'simple-signing', payload: bytes, annotations } as const)
          : ({ form: 'envelope', json: bytes } as const);
      if (signer.made(record)) return true;
    }
    layers = layers.filter((one) => one !== found);
  }
  return false;
}

/** Payloads are the same byte by byte; envelopes are when the statements in them are. */
function isSame(theirs: Uint8Array, ours: Uint8Array, suffix: CosignLayerClaims['suffix']): boolean {
  if (suffix === 'sig') return Buffer.compare(theirs, ours) === 0;
  return statementIn(theirs, statementInEnvelope) === statementInEnvelope(ours);
}

/** `undefined` for what is no record at all, whatever it claims. */
function statementIn(json: Uint8Array, read: (json: Uint8Array) => Digest): Digest | undefined {
  try {
    return read(json);
  } catch {
    return undefined;
  }
}
