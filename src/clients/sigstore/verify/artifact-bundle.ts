import { digestHex, digestOf } from '../../../core/model/index.ts';
import type { Digest, PublicKey, Signer, TrustRoot } from '../../../core/model/index.ts';
import { readBundle, readBundleJson, readMessageSignature } from './bundle.ts';
import { type Covered, type SignedMaterial, createParsedTrust } from './material.ts';
import { findMaker, type Proof } from './prove.ts';

/** A file: its bytes, or a digest that stands for them. */
export type Artifact = { readonly bytes: Uint8Array } | { readonly digest: Digest };

export interface ArtifactQuestion {
  /** The bundle, JSON. */
  readonly bundle: Uint8Array;
  readonly artifact: Artifact;
  /** Who must have signed: this key, or the identity that a certificate names exactly. Exactly one of the two. */
  readonly key?: PublicKey;
  readonly identity?: { readonly issuer: string; readonly subject: string };
  readonly root: TrustRoot;
}

/** Who signed the artifact and when, or one clause why the bundle does not prove it. */
type ArtifactAnswer =
  | { readonly ok: true; readonly signer: Signer; readonly signedAt?: Date }
  | { readonly ok: false; readonly why: string };

/**
 * Verifies a bundle over a file, as sigstore's conformance protocol has it: a statement must name the file's digest, a
 * message signature must cover the file. With an identity the root's logs must hold the signature and a time must be
 * proven; with a key its log entries must be good if there are any. Never throws.
 */
export function verifyArtifactBundle(question: ArtifactQuestion): ArtifactAnswer {
  const { key, identity } = question;
  if ((key === undefined) === (identity === undefined))
    return refused('needs either a key or an identity to expect, not both and not neither');
  const material = readArtifactBundle(question);
  if (typeof material === 'string') return refused(material);
  const proof = findProof(material, question);
  return typeof proof === 'string' ? refused(proof) : accept(proof, material, question);
}

function refused(why: string): ArtifactAnswer {
  return { ok: false, why };
}

/** The signature in the bundle, already bound to the artifact. */
function readArtifactBundle({ bundle: json, artifact }: ArtifactQuestion): SignedMaterial | string {
  const read = readBundleJson(json);
  if (typeof read === 'string') return read;
  if (read.bundle.content.$case === 'messageSignature') {
    const file = coveredBy(artifact);
    return typeof file === 'string' ? file : readMessageSignature(read, file);
  }
  const signed = readBundle({ json });
  if (typeof signed === 'string') return signed;
  const says = digestsOf(artifact).map((digest) => signed.read(digest));
  const reasons = says.filter((one) => typeof one === 'string');
  return reasons.length === says.length ? (reasons[0] ?? 'about another digest') : signed.material;
}

function coveredBy(artifact: Artifact): Covered | string {
  if ('bytes' in artifact) return artifact;
  const { digest } = artifact;
  if (!digest.startsWith('sha256:')) return 'over a file that must be given itself, or by its sha256 digest';
  return { sha256: Buffer.from(digestHex(digest), 'hex') };
}

function digestsOf(artifact: Artifact): readonly Digest[] {
  return 'digest' in artifact
    ? [artifact.digest]
    : [digestOf(artifact.bytes), digestOf(artifact.bytes, 'sha512')];
}

function findProof(material: SignedMaterial, { key, root }: ArtifactQuestion): Proof | string {
  const isByCertificate = material.certificate !== undefined;
  if (key && isByCertificate) return 'made with a certificate, not with a key';
  if (!key && !isByCertificate) return 'made with a key, not with a certificate';
  const askProofs = findMaker(material, { keys: key ? [key] : [], roots: [root] }, createParsedTrust());
  const proofs = typeof askProofs === 'string' ? askProofs : askProofs();
  return typeof proofs === 'string' ? proofs : (proofs[0] ?? 'made by no trusted signer');
}

/** The protocol of sigstore's conformance tests: identities match exactly, and a log the root knows must hold it. */
function accept(
  { signer, loggedBy, signedAt }: Proof,
  { entries }: SignedMaterial,
  { identity, root }: ArtifactQuestion,
): ArtifactAnswer {
  const mustBeLogged = hasLogs(root) && (signer.kind === 'certificate' || entries.length > 0);
  if (mustBeLogged && loggedBy.length === 0) return refused('in no transparency log of the trust root');
  if (signer.kind === 'certificate' && identity) {
    const { issuer, subjects } = signer.identity;
    if (issuer !== identity.issuer) return refused(`made by an identity of ${issuer}`);
    if (!subjects.includes(identity.subject)) return refused(`made by ${subjects.join(', ')}`);
  }
  return { ok: true, signer, signedAt };
}

function hasLogs(root: TrustRoot): boolean {
  return createParsedTrust()
    .root(root)
    .some(({ material }) => material.tlogs.length > 0);
}
