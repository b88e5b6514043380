import type { KeyObject, X509Certificate } from 'node:crypto';
import { EXTENSION_OID_SCT, X509Certificate as ParsedCertificate } from '@sigstore/core';
import { Verifier } from '@sigstore/verify';
import type { CertificateIdentity, ProvenSignature, Trust } from '../../../core/model/index.ts';
import { type Chain, findPath, intermediatesIn, readIdentity, readLeaf } from './certificate.ts';
import { isSignedBy, whyNotSignedBy } from './key-signature.ts';
import {
  provenContent,
  type SignedMaterial,
  trustOnly,
  type Authority,
  type ParsedTrust,
  type RootMaterial,
} from './material.ts';
import { attest, earliest, askWitness, type Witness } from './witness.ts';

/** Who made a signature and when: all of a proven signature but what it says and where it lies. */
export type Proof = Pick<ProvenSignature, 'signer' | 'loggedBy' | 'timestampedBy' | 'signedAt'>;

/** The costly questions about a signature whose mathematics is right: its proofs, or one clause why there are none. */
export type AskProofs = () => readonly Proof[] | string;

/**
 * Finds who made a signature, or the clause why no trusted signer did. A certificate is tried with trust roots only
 * and a bare signature with keys only: neither can stand in for the other (GHSA-fx35-mq7g-6g98).
 */
export function findMaker(material: SignedMaterial, trust: Trust, parsed: ParsedTrust): AskProofs | string {
  const roots = trust.roots.flatMap((root) => parsed.root(root));
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
  if (keys.length === 0) return 'made by a key, where an identity by certificate is asked for';
  const known = keys.map((one) => ({ fingerprint: one.fingerprint, key: parsed.key(one) }));
  const makers = known.filter(({ key }) => isSignedBy(material, key));
  if (makers.length === 0)
    return whyNotSignedBy(
      material,
      known.map(({ key }) => key),
    );
  return () =>
    makers.map(({ fingerprint, key }) => {
      const seen = roots.map((root) => askWitness(root, material, { key }));
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
  if (!isSignedBy(material, leaf.publicKey)) return notByLeaf(material, leaf.publicKey);
  return () => {
    const by = { key: leaf.publicKey, certificate: leaf.raw };
    const seen = roots.map((root) => askWitness(root, material, by));
    const tried = seen.map((witness): Proof | string => {
      const identity = vouch({ leaf, intermediates, material }, witness);
      if (typeof identity === 'string') return identity;
      const signedAt = earliest(witness.times);
      const signer = { kind: 'certificate', root: witness.root.fingerprint, identity } as const;
      // Of a root in several lines only the line that vouches for the signer says who has seen the signature.
      const { fingerprint } = witness.root;
      const others = seen.filter((one) => one === witness || one.root.fingerprint !== fingerprint);
      return { signer, ...attest(others), ...(signedAt && { signedAt }) };
    });
    const proven = tried.filter((one) => typeof one !== 'string');
    return proven.length > 0 ? proven : nearest(tried.filter((one) => typeof one === 'string'));
  };
}

function notByLeaf(material: SignedMaterial, key: KeyObject): string {
  const why = whyNotSignedBy(material, [key]);
  return why === 'made by another key' ? 'made by another key than that of its certificate' : why;
}

/** With several roots the one that knows the issuer has the most to say. */
function nearest(reasons: readonly string[]): string {
  const better = reasons.find((why) => !why.includes('no trusted authority'));
  return better ?? reasons[0] ?? 'made by no trusted signer';
}

/** A certificate that signed, with what may connect it to an authority. */
interface CertificateClaim {
  readonly leaf: X509Certificate;
  readonly intermediates: Chain;
  readonly material: SignedMaterial;
}

/** Who one root vouches for as the signer, or one clause why it does not. */
function vouch(claim: CertificateClaim, witness: Witness): CertificateIdentity | string {
  const { leaf, intermediates } = claim;
  const identity = readIdentity(leaf.raw);
  const paths = witness.root.authorities.flatMap((authority) => {
    const path = findPath(leaf, intermediates, authority.certificates);
    return path ? [{ authority, path }] : [];
  });
  if (paths.length === 0)
    return `made with a certificate that no trusted authority issued, ${claimed(identity)}`;
  if (witness.times.length === 0)
    return ['made with a certificate, at no proven time', witness.complaints.join(', ')]
      .filter(Boolean)
      .join(': ');
  const reasons = paths.map(({ authority, path }) => outOfTime(path, authority, witness.times));
  const valid = paths.find((_, index) => reasons[index] === undefined);
  if (!valid) return reasons[0] ?? 'made when its certificate was not valid';
  const refusal = confirm(claim, witness, valid);
  if (refusal !== undefined) return refusal;
  if (identity.issuer === '') return 'made with a certificate that names no OpenID issuer';
  return identity.subjects.length === 0 ? 'made with a certificate that names no subject' : identity;
}

function claimed({ issuer, subjects }: CertificateIdentity): string {
  const [subject = 'no one'] = subjects;
  return `it claims to be ${subject}${issuer === '' ? '' : ` of ${issuer}`}`;
}

/**
 * The library has the last word: it checks the promise of the certificate log, and the path once more by its own code.
 * Only where the root has no such log and the certificate holds a promise nevertheless it cannot be asked, because it
 * would insist on knowing the log.
 */
function confirm(
  { leaf, material }: CertificateClaim,
  { root, times }: Witness,
  { path, authority }: { readonly path: Chain; readonly authority: Authority },
): string | undefined {
  const { ctlogs } = root.material;
  const certificate = ParsedCertificate.parse(Buffer.from(leaf.raw));
  const promised = certificate.extension(EXTENSION_OID_SCT) !== undefined;
  if (ctlogs.length === 0 && promised) return undefined;
  if (ctlogs.length > 0 && !promised) return 'made with a certificate that is in no certificate log';
  const certChain = path.slice(1).map(({ raw }) => ParsedCertificate.parse(Buffer.from(raw)));
  const trust = trustOnly(leaf.publicKey, {
    certificateAuthorities: [{ certChain, validFor: authority.forLibrary.validFor }],
    ctlogs,
  });
  const options = { tlogThreshold: 0, timestampThreshold: 1, ctlogThreshold: ctlogs.length > 0 ? 1 : 0 };
  try {
    new Verifier(trust, options).verify({
      signature: provenContent(material),
      key: { $case: 'certificate', certificate },
      tlogEntries: [],
      timestamps: times.map(asTimestamp),
    });
    return undefined;
  } catch {
    return 'made with a certificate whose certificate log cannot be trusted';
  }
}

/** A time that is proven already, in the one form of the library that is not checked again. */
function asTimestamp(time: Date): Parameters<Verifier['verify']>[0]['timestamps'][number] {
  return {
    $case: 'transparency-log',
    tlogEntry: {
      logIndex: '0',
      logId: { keyId: Buffer.alloc(0) },
      kindVersion: { kind: '', version: '' },
      integratedTime: String(Math.floor(time.getTime() / 1000)),
      inclusionPromise: { signedEntryTimestamp: Buffer.alloc(0) },
      inclusionProof: undefined,
      canonicalizedBody: Buffer.alloc(0),
    },
  };
}

/**
 * Why a path was not valid at one of the proven times, as one clause. The present plays no part: a signature of last
 * year by a certificate of ten minutes is good if it was made in those ten minutes. The whole path is held to that time
 * (CVE-2026-24122: expired intermediates).
 */
function outOfTime(path: Chain, authority: Authority, times: readonly Date[]): string | undefined {
  const [leaf, ...issuers] = path;
  for (const time of times) {
    const why =
      (leaf && outOfValidity(leaf, 'its certificate', time)) ??
      issuers.map((one) => outOfValidity(one, 'the certificate of an issuer', time)).find(Boolean) ??
      outOfTrust(authority, time);
    if (why !== undefined) return why;
  }
  return undefined;
}

function outOfValidity(certificate: X509Certificate, what: string, time: Date): string | undefined {
  const { validFromDate: from, validToDate: to } = certificate;
  if (time > to) return `made when ${what} had expired ${duration(time, to)} before`;
  if (time < from) return `made ${duration(from, time)} before ${what} became valid`;
  return undefined;
}

function outOfTrust({ forLibrary: { validFor } }: Authority, time: Date): string | undefined {
  if (time > validFor.end) return `made ${duration(time, validFor.end)} after its authority was trusted last`;
  if (time < validFor.start) return `made ${duration(validFor.start, time)} before its authority was trusted`;
  return undefined;
}

/** The largest two units are enough for a person, e.g. `3h 20m`. */
function duration(later: Date, earlier: Date): string {
  const seconds = Math.ceil((later.getTime() - earlier.getTime()) / 1_000);
  const [minutes, hours] = [Math.floor(seconds / 60), Math.floor(seconds / 3_600)];
  const units = { d: Math.floor(hours / 24), h: hours % 24, m: minutes % 60, s: seconds % 60 };
  const present = Object.entries(units).filter(([, count]) => count > 0);
  const words = present.map(([unit, count]) => `${count}${unit}`);
  return words.slice(0, 2).join(' ');
}
