import type { X509Certificate } from 'node:crypto';
import { X509Certificate as ParsedCertificate } from '@sigstore/core';
import { CODE_SIGNING, isUnderstood, parseCertificate } from './leaf.ts';

/** Intermediates shipped with a signature that may be used; one is usual. */
export const MAX_INTERMEDIATES = 4;

/**
 * Intermediates among shipped certificates, or one clause why they are not looked at. Roots are left out: a root is
 * trusted because it lies in the trust root, and one that a stranger ships would anchor anything.
 */
export function intermediatesIn(shipped: readonly Buffer[]): readonly X509Certificate[] | string {
  const certificates = shipped.map((der) => parseCertificate(der)).filter((one) => one !== undefined);
  if (certificates.length < shipped.length) return 'with a chain that cannot be read';
  const intermediates = certificates.filter((one) => one.subject !== one.issuer);
  if (intermediates.length > MAX_INTERMEDIATES)
    return `with ${intermediates.length} intermediate certificates, more than ${MAX_INTERMEDIATES}`;
  return intermediates.filter((one) => one.ca && isUnderstood(one));
}

/**
 * The shortest way from `leaf` over `intermediates` to a self-signed certificate among `trusted`, both ends included;
 * `undefined` when there is none. Every certificate is stepped on once, so that circles and meshes of certificates cost
 * at most the square of their number (CVE-2026-32280).
 */
export function findPath(
  leaf: X509Certificate,
  intermediates: readonly X509Certificate[],
  trusted: readonly X509Certificate[],
): readonly X509Certificate[] | undefined {
  const fresh = new Set([...trusted, ...intermediates]);
  let ways: readonly (readonly X509Certificate[])[] = [[leaf]];
  while (ways.length > 0) {
    const arrived = ways.find((way) => isAnchor(way.at(-1), trusted));
    if (arrived) return isLongerThanAllowed(arrived) ? undefined : arrived;
    ways = ways.flatMap((way) => {
      const next = [...fresh].filter((issuer) => isIssuedBy(way.at(-1), issuer));
      for (const issuer of next) fresh.delete(issuer);
      return next.map((issuer) => [...way, issuer]);
    });
  }
  return undefined;
}

function isAnchor(last: X509Certificate | undefined, trusted: readonly X509Certificate[]): boolean {
  return last !== undefined && trusted.includes(last) && isIssuedBy(last, last);
}

/** By name, key identifier and key usage (OpenSSL's X509_check_issued), by right, and by signature. */
function isIssuedBy(certificate: X509Certificate | undefined, issuer: X509Certificate): boolean {
  try {
    return (
      certificate?.checkIssued(issuer) === true && mayIssue(issuer) && certificate.verify(issuer.publicKey)
    );
  } catch {
    return false; // a signature algorithm that OpenSSL does not do
  }
}

/** An authority, and one for signing code if it says what for. */
function mayIssue({ ca, keyUsage }: X509Certificate): boolean {
  const purposes = keyUsage as readonly string[] | undefined;
  return ca && (purposes === undefined || purposes.includes(CODE_SIGNING));
}

/** Path length constraints count the intermediates below (RFC 5280, section 4.2.1.9). */
function isLongerThanAllowed(path: readonly X509Certificate[]): boolean {
  return path.slice(1).some(({ raw }, below) => {
    const limit = ParsedCertificate.parse(Buffer.from(raw)).extBasicConstraints?.pathLenConstraint;
    return limit !== undefined && limit < BigInt(below);
  });
}
