import {
  digestAlgorithm,
  digestHex,
  formatReference,
  pin,
  type Digest,
  type ImageRef,
  type Reason,
} from '../../model/index.ts';
import type { ArtifactSigner, SignedContent, Statement } from '../ports.ts';
import { subjectOf } from '../records/artifact.ts';
import { bundleArtifact, SIGN_PREDICATE_TYPE } from '../records/bundle-artifact.ts';
import { appendCosignLayer, type CosignLayer } from '../records/cosign-tag.ts';
import { pushArtifact } from '../records/push.ts';
import { statementDigest } from '../records/statement.ts';
import type { SignSpec } from '../schema.ts';
import { hasBundle, hasLayer } from './own.ts';
import { attach, type WritePlace } from './place.ts';

/** What is signed, who signs, and in which form it is written. */
export interface Signing {
  readonly signer: ArtifactSigner;
  readonly format: SignSpec['format'];
  readonly at: Date;
}

/** Signs the image itself, unless this signer has done so. A reason = it cannot be written in the form that is wanted. */
export async function writeSignature(
  place: WritePlace,
  { signer, format, at, annotations }: Signing & Pick<SignSpec, 'annotations'>,
  signal: AbortSignal,
): Promise<Reason | undefined> {
  const image = pin(place.to, place.about.digest);
  let signed: SignedContent | undefined;
  const sign = async () => (signed ??= await signer.signImage(image, annotations, signal));
  if (format !== 'Legacy') {
    const claims = { predicateType: SIGN_PREDICATE_TYPE, signer: signer.name };
    if (!(await hasBundle(place, claims, { signer, sign }, signal))) {
      const subject = subjectOf(place.about);
      await attach(place, bundleArtifact(await sign(), { ...claims, subject, at }), signal);
    }
  }
  return format === 'Bundle' ? undefined : writeLayer(place, { suffix: 'sig', signer, sign }, signal);
}

/** Signs a statement about the image, unless this signer has said exactly the same. */
export async function writeStatement(
  place: WritePlace,
  { signer, format, at, statement }: Signing & { readonly statement: Statement },
  signal: AbortSignal,
): Promise<Reason | undefined> {
  const { predicateType } = statement;
  const says = statementDigest(statement);
  let signed: SignedContent | undefined;
  const sign = async () => (signed ??= await signer.signStatement(statement, signal));
  if (format !== 'Legacy') {
    const claims = { predicateType, signer: signer.name };
    if (!(await hasBundle(place, { ...claims, statement: says }, { signer, sign }, signal))) {
      const subject = subjectOf(place.about);
      await attach(place, bundleArtifact(await sign(), { ...claims, subject, at }), signal);
    }
  }
  if (format === 'Bundle') return undefined;
  return writeLayer(place, { suffix: 'att', signer, sign, predicateType, says }, signal);
}

interface LayerOrder {
  readonly suffix: CosignLayer['suffix'];
  readonly signer: ArtifactSigner;
  readonly sign: () => Promise<SignedContent>;
  readonly predicateType?: string;
  readonly says?: Digest;
}

/** Adds a layer under cosign's tag to those of others. */
async function writeLayer(
  place: WritePlace,
  order: LayerOrder,
  signal: AbortSignal,
): Promise<Reason | undefined> {
  const { target, to, about } = place;
  const { signer, sign, ...claims } = order;
  const { suffix } = claims;
  const { registry, repository } = to;
  const tag = `${digestAlgorithm(about.digest)}-${digestHex(about.digest)}.${suffix}`;
  const ref: ImageRef = { registry, repository, tag };
  const existing = await target.content(ref, signal);
  const asked = { ...claims, signer: signer.name };
  if (existing && (await hasLayer(place, { ...asked, existing }, { signer, sign }, signal))) return undefined;
  const made = appendCosignLayer(existing, {
    suffix,
    signed: await sign(),
    signer: signer.name,
    // What claims to be ours and is not was sorted out above.
    despiteClaims: true,
  });
  if (!made.ok) {
    const why = made.problems.map(({ message }) => message).join('; ');
    return { code: 'SigningFailed', detail: `${formatReference(ref)} ${why}` };
  }
  if (made.value) await pushArtifact({ registry: target, to: ref, artifact: made.value }, signal);
  return undefined;
}
