import { Fault, formatReference, pin } from '../../model/index.ts';
import { isKeptTag, orFault, together } from '../concurrency.ts';
import type { Descriptor, ImageRef, Manifest, Reason } from '../../model/index.ts';
import type {
  ArtifactSigner,
  SignedContent,
  SignedRecord,
  Statement,
  TargetRegistry,
  WrittenStatement,
} from '../ports.ts';
import { pushArtifact, subjectOf, type Artifact } from '../records/artifact.ts';
import { appendCosignLayer, findCosignLayer, type CosignLayerClaims } from '../records/cosign-tag.ts';
import {
  bundleArtifact,
  findBundle,
  SIGN_PREDICATE_TYPE,
  statementDigest,
  statementIn,
  statementMade,
} from '../records/statement.ts';
import type { SignSpec } from '../schema.ts';
import { cosignTag } from '../selection/reserved-tags.ts';
import type { Learned } from './step.ts';

/** Where something is written about an image. */
export interface WritePlace {
  readonly target: TargetRegistry;
  /** The repository at the target. */
  readonly to: ImageRef;
  /** The image that it is about, as it lies there. */
  readonly about: Manifest;
}

/** The image as it lies at the target; only steps behind the copy ask for it. */
export function rootOf({ graph }: Pick<Learned, 'graph'>): Manifest {
  if (!graph) throw new Error('nothing was copied yet');
  return graph.root.manifest;
}

/** Lists what refers to the image at the target. */
export function referrersAt(
  { target, to, about }: WritePlace,
  signal: AbortSignal,
): Promise<readonly Descriptor[]> {
  return target.referrers(pin(to, about.digest), signal);
}

/** Pushes what refers to the image, under its own digest. */
export async function attach(
  { target, to: { registry, repository } }: WritePlace,
  artifact: Artifact,
  signal: AbortSignal,
): Promise<Descriptor> {
  await pushArtifact(target, { registry, repository }, artifact, signal);
  return subjectOf(artifact.content.manifest);
}

/** Who signs, and in which form it is written. */
export interface Signing {
  readonly signer: ArtifactSigner;
  readonly format: SignSpec['format'];
  readonly at: Date;
  /** Receives, for people, what could not be written in this form and lies in another. */
  readonly left: string[];
}

/** Signs the image itself, unless this signer has done so. A reason = it cannot be written in the form that is wanted. */
export async function writeSignature(
  place: WritePlace,
  signing: Signing,
  annotations: SignSpec['annotations'],
  signal: AbortSignal,
): Promise<Reason | undefined> {
  const image = pin(place.to, place.about.digest);
  const sign = () => signing.signer.signImage(image, annotations, signal);
  return write(place, { ...signing, suffix: 'sig', sign, predicateType: SIGN_PREDICATE_TYPE }, signal);
}

/** Signs a statement about the image, unless this signer has said exactly the same. */
export async function writeStatement(
  place: WritePlace,
  signing: Signing,
  statement: Statement | WrittenStatement,
  signal: AbortSignal,
): Promise<Reason | undefined> {
  const { predicateType } = statement;
  const sign = () => signing.signer.signStatement(statement, signal);
  const says = statementDigest(statement);
  return write(place, { ...signing, suffix: 'att', sign, predicateType, says }, signal);
}

/** What is to be signed, by whom. */
interface Order extends Signing, Pick<CosignLayerClaims, 'suffix' | 'says'> {
  readonly sign: () => Promise<SignedContent>;
  readonly predicateType: string;
}

async function write(place: WritePlace, order: Order, signal: AbortSignal): Promise<Reason | undefined> {
  const { signer, format, at, predicateType, says } = order;
  let made: Promise<SignedContent> | undefined;
  const sign = (): Promise<SignedContent> => (made ??= order.sign());
  const once = { ...order, sign };
  const asBundle = async (until: AbortSignal): Promise<undefined> => {
    if (await hasBundle(place, once, until)) return;
    const signed = await sign();
    const digest = await place.target.digestOf(signed.bundle);
    const about = { predicateType, signer: signer.name, subject: subjectOf(place.about), at };
    await attach(place, bundleArtifact(signed, { ...about, digest, statement: says }), until);
  };
  if (format === 'Bundle') return asBundle(signal);
  const [refused] = await together(signal, (inner, start) =>
    Promise.all([
      start(() => writeLayer(place, once, inner)),
      format === 'Legacy' ? undefined : start(() => asBundle(inner)),
    ]),
  );
  if (!(refused instanceof Fault)) return refused;
  // A tag that cannot be replaced is no reason to leave the image unsigned for ever.
  if (format === 'Legacy') await asBundle(signal);
  order.left.push(`signed by a bundle beside it only: ${refused.message}`);
  return undefined;
}

/** Adds a layer under cosign's tag to those of others. A Fault = the registry does not let what is there be replaced. */
async function writeLayer(
  place: WritePlace,
  order: Order,
  signal: AbortSignal,
): Promise<Reason | Fault | undefined> {
  const { target, to, about } = place;
  const { suffix, sign, signer, says } = order;
  const ref = cosignTag(to, about.digest, suffix);
  const existing = await target.content(ref, signal);
  if (existing && (await hasLayer(place, existing.manifest.layers, order, signal))) return undefined;
  // What claims to be ours and is not was sorted out above.
  const signed = await sign();
  const digest = await target.digestOf(signed.layer);
  const layer = { suffix, signed, digest, says, signer: signer.name, despiteClaims: true };
  const made = appendCosignLayer(existing, layer);
  if (!made.ok) {
    const why = made.problems.map(({ message }) => message).join('; ');
    return { code: 'SigningFailed', detail: `${formatReference(ref)} ${why}` };
  }
  if (!made.value) return undefined;
  const { blobs, extension } = made.value;
  const content = await target.extendManifest(ref, extension, signal);
  const kept = (fault: Fault): Fault => {
    if (existing && isKeptTag(fault)) return fault;
    throw fault;
  };
  return orFault(pushArtifact(target, ref, { blobs, content }, signal), kept, signal).then(
    (fault) => fault ?? undefined,
  );
}

/** Records that claim to be ours and are opened; real images have one or two. */
const MAX_CLAIMS = 20;
/**
 * Largest record that is opened, in bytes: parsing one of it takes some milliseconds at worst. Larger ones hold reports, and of
 * those no two scans make the same.
 */
const MAX_RECORD_BYTES = 128 * 1024;

/**
 * Whether one of these records is ours. Annotations are claims that anyone can write: one that is forged must not keep ours from
 * being made, so a record that claims to be ours is opened and compared with what we would write.
 */
async function hasOurs(
  listed: readonly Descriptor[],
  { made }: ArtifactSigner,
  find: (among: readonly Descriptor[]) => Descriptor | undefined,
  open: (found: Descriptor) => Promise<SignedRecord | undefined>,
): Promise<boolean> {
  let left = listed;
  for (let opened = 0; opened < MAX_CLAIMS; opened += 1) {
    const found = find(left);
    if (!found || !made) return found !== undefined;
    const record = await open(found);
    if (record && made(record)) return true;
    left = left.filter((one) => one !== found);
  }
  return false;
}

/** Whether the image has this bundle of this signer already. */
async function hasBundle(
  place: WritePlace,
  { signer, sign, predicateType, says: statement }: Order,
  signal: AbortSignal,
): Promise<boolean> {
  const claims = { predicateType, signer: signer.name, statement };
  const open = async ({ digest }: Descriptor): Promise<SignedRecord | undefined> => {
    const carrier = await place.target.manifest(pin(place.to, digest), signal);
    const json = await recordIn(place, carrier?.layers[0], signal);
    const isSame = json && statementIn(json) === (statement ?? statementMade((await sign()).bundle));
    return isSame ? { form: 'bundle', json } : undefined;
  };
  const listed = await referrersAt(place, signal);
  return hasOurs(listed, signer, (among) => findBundle(among, claims), open);
}

/** Whether a layer under cosign's tag is this one of this signer. */
async function hasLayer(
  place: WritePlace,
  listed: readonly Descriptor[],
  { signer, sign, suffix, predicateType, says }: Order,
  signal: AbortSignal,
): Promise<boolean> {
  const type = suffix === 'att' ? predicateType : undefined;
  const claims = { suffix, signer: signer.name, says, predicateType: type };
  const open = async (found: Descriptor): Promise<SignedRecord | undefined> => {
    const bytes = await recordIn(place, found, signal);
    const { layer } = await sign();
    if (!bytes) return undefined;
    // Payloads are the same byte by byte; envelopes are when the statements in them are.
    if (suffix === 'att')
      return statementIn(bytes) === (says ?? statementMade(layer))
        ? { form: 'envelope', json: bytes }
        : undefined;
    const { annotations } = found;
    const isSame = Buffer.compare(bytes, layer) === 0;
    return isSame ? { form: 'simple-signing', payload: bytes, annotations } : undefined;
  };
  return hasOurs(listed, signer, (layers) => findCosignLayer({ layers }, claims), open);
}

async function recordIn(
  { target, to }: WritePlace,
  layer: Descriptor | undefined,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  if (!layer || layer.size > MAX_RECORD_BYTES) return undefined;
  return target.blob(to, layer, MAX_RECORD_BYTES, signal);
}
