import type { ProvenSignature, Trust } from '../../../core/model/index.ts';
import { intermediatesIn, readLeaf } from './certificate.ts';
import { vouch } from './certificate-trust.ts';
import { isSignedBy } from './key-signature.ts';
import type { SignedMaterial } from './material.ts';
import type { ParsedTrust, RootMaterial } from './root-material.ts';
import { attest, earliest, witnesses } from './witness.ts';

/** Who made a signature and when: all of a proven signature but what it says and where it lies. */
export type Proof = Pick<ProvenSignature, 'signer' | 'loggedBy' | 'timestampedBy' | 'signedAt'>;

/** The costly questions about a signature whose mathematics is right: its proofs, or one clause why there are none. */
export type AskProofs = () => readonly Proof[] | string;

/**
 * Finds who made a signature, or the clause why no trusted signer did. A certificate is tried with trust roots only
 * and a bare signature with keys only: neither can stand in for the other (GHSA-fx35-mq7g-6g98).
 */
export function findMaker(material: SignedMaterial, trust: Trust, parsed: ParsedTrust): AskProofs | string {
  const roots = trust.roots.flatMap((root) => parsed.root(root) ?? []);
  return material.certificate === undefined
    ? madeByKey(material, trust.keys, roots, parsed)
    : madeByCertificate({ ...material, certificate: material.certificate }, roots);
}

/** Every key is tried, so that what one policy sees does not depend on the keys of another. */
function madeByKey(
  material: SignedMaterial,
  keys: Trust['keys'],
  roots: readonly RootMaterial[],
  parsed: ParsedTrust,
): AskProofs | string {
  const makers = keys
    .map((one) => ({ fingerprint: one.fingerprint, key: parsed.key(one) }))
    .filter(({ key }) => isSignedBy(material, key));
  if (makers.length === 0) return 'made by another key';
  return () =>
    makers.map(({ fingerprint, key }) => {
      const seen = witnesses(material, { key }, roots);
      const signedAt = earliest(seen.flatMap(({ times }) => times));
      return { signer: { kind: 'key', fingerprint }, ...attest(seen), ...(signedAt && { signedAt }) };
    });
}

function madeByCertificate(
  material: SignedMaterial & { readonly certificate: Buffer },
  roots: readonly RootMaterial[],
): AskProofs | string {
  const leaf = readLeaf(material.certificate);
  if (typeof leaf === 'string') return leaf;
  if (roots.length === 0) return 'made with a certificate, and no authority trusts one';
  const intermediates = intermediatesIn(material.shipped);
  if (typeof intermediates === 'string') return intermediates;
  if (!isSignedBy(material, leaf.publicKey)) return 'made by another key than that of its certificate';
  return () => {
    const seen = witnesses(material, { key: leaf.publicKey, certificate: leaf.raw }, roots);
    const tried = seen.map((witness): Proof | string => {
      const identity = vouch({ leaf, intermediates, material }, witness);
      if (typeof identity === 'string') return identity;
      const signedAt = earliest(witness.times);
      const signer = { kind: 'certificate', root: witness.root.fingerprint, identity } as const;
      return { signer, ...attest(seen), ...(signedAt && { signedAt }) };
    });
    const proven = tried.filter((one) => typeof one !== 'string');
    return proven.length > 0 ? proven : nearest(tried.filter((one) => typeof one === 'string'));
  };
}

/** With several roots the one that knows the issuer has the most to say. */
function nearest(reasons: readonly string[]): string {
  return (
    reasons.find((why) => !why.includes('no trusted authority')) ?? reasons[0] ?? 'made by no trusted signer'
  );
}
