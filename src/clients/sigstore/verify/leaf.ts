import { createPublicKey, X509Certificate } from 'node:crypto';
import { X509Certificate as ParsedCertificate } from '@sigstore/core';
import { readIdentity } from './identity.ts';
import { kindOfKey } from './key-signature.ts';

/** Extended key usage "code signing" (RFC 5280, section 4.2.1.12). */
export const CODE_SIGNING = '1.3.6.1.5.5.7.3.3';

/**
 * Extensions that are understood here when they are critical: basic constraints, key usage, extended key usage, subject
 * alternative name. Any other has to be refused (RFC 5280, section 4.2); among them the poison of precertificates
 * (RFC 6962, section 3.1) and name constraints, which are not enforced here.
 */
const UNDERSTOOD: ReadonlySet<string> = new Set(['2.5.29.19', '2.5.29.15', '2.5.29.37', '2.5.29.17']);

/** The certificate of a signer if it may sign at all, or one clause why not. Says nothing about who issued it. */
export function readLeaf(der: Buffer): X509Certificate | string {
  const leaf = parseCertificate(der);
  if (!leaf) {
    return isPublicKey(der)
      ? 'with a public key where its certificate belongs'
      : 'with a certificate that cannot be read';
  }
  if (leaf.ca) return 'with the certificate of an authority';
  // Node calls the extended key usage "keyUsage".
  if (!(leaf.keyUsage as readonly string[] | undefined)?.includes(CODE_SIGNING))
    return 'with a certificate that is not for signing code';
  if (kindOfKey(leaf.publicKey) === undefined)
    return 'with a certificate over a kind of key that is not accepted';
  return isUnderstood(leaf) ? leaf : 'with a certificate that has an unknown critical extension';
}

/**
 * A certificate, if OpenSSL and the library can read all of it that is asked for later: both read lazily, and throw errors
 * of many kinds, or give a date that is none and that no comparison would refuse.
 */
export function parseCertificate(der: Buffer): X509Certificate | undefined {
  try {
    const parsed = ParsedCertificate.parse(Buffer.from(der));
    const certificate = new X509Certificate(der);
    const { extBasicConstraints: constraints, isCA, notBefore, notAfter } = parsed;
    const dates = [certificate.validFromDate, certificate.validToDate, notBefore, notAfter];
    const lazy: readonly unknown[] = [
      isCA,
      constraints?.pathLenConstraint,
      certificate.publicKey,
      isUnderstood(certificate),
      readIdentity(der),
    ];
    const isWhole = lazy.length > 0 && dates.every((date) => !Number.isNaN(date.getTime()));
    return isWhole ? certificate : undefined;
  } catch {
    return undefined;
  }
}

/** Whether every critical extension is one that is obeyed here. */
export function isUnderstood({ raw }: X509Certificate): boolean {
  return ParsedCertificate.parse(Buffer.from(raw))
    .extensions.map(({ subs }) => subs)
    .filter((parts) => parts.length === 3 && parts[1]?.toBoolean() === true)
    .every((parts) => UNDERSTOOD.has(parts[0]?.toOID() ?? ''));
}

function isPublicKey(der: Buffer): boolean {
  try {
    createPublicKey({ key: der, format: 'der', type: 'spki' });
    return true;
  } catch {
    return false;
  }
}
