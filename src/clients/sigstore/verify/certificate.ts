import { X509Certificate } from 'node:crypto';
import { type ASN1Obj, X509Certificate as ParsedCertificate } from '@sigstore/core';
import { type CertificateIdentity, CLAIM_NAMES, type ClaimName } from '../../../core/model/index.ts';
import { isPublicKey, kindOfKey } from './key-signature.ts';

/** Extended key usage "code signing" (RFC 5280, section 4.2.1.12). */
const CODE_SIGNING = '1.3.6.1.5.5.7.3.3';

/**
 * Extensions that are understood here when they are critical: basic constraints, key usage, extended key usage, subject
 * alternative name. Any other has to be refused (RFC 5280, section 4.2); among them the poison of precertificates
 * (RFC 6962, section 3.1) and name constraints, which are not enforced here.
 */
const UNDERSTOOD: ReadonlySet<string> = new Set(['2.5.29.19', '2.5.29.15', '2.5.29.37', '2.5.29.17']);

/** The certificate of a signer if it may sign at all, or one clause why not. Says nothing about who issued it. */
export function readLeaf(der: Buffer): X509Certificate | string {
  const leaf = parseCertificate(der);
  if (!leaf && isPublicKey(der, ['spki'])) return 'with a public key where its certificate belongs';
  if (!leaf) return 'with a certificate that cannot be read';
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
function isUnderstood({ raw }: X509Certificate): boolean {
  return ParsedCertificate.parse(Buffer.from(raw))
    .extensions.map(({ subs }) => subs)
    .filter((parts) => parts.length === 3 && parts[1]?.toBoolean() === true)
    .every((parts) => UNDERSTOOD.has(parts[0]?.toOID() ?? ''));
}

/** Fulcio's arc of object identifiers (Fulcio OID registry). */
const FULCIO = '1.3.6.1.4.1.57264.1';
const SUBJECT_ALTERNATIVE_NAME = '2.5.29.17';
/** Names of users that are neither URI nor e-mail address. */
const OTHER_NAME = `${FULCIO}.7`;
/** The issuer as raw bytes, as the first Fulcio wrote it; and as a UTF8String, which wins. */
const ISSUER_RAW = `${FULCIO}.1`;
const ISSUER = `${FULCIO}.8`;

const CLAIMS: Readonly<Record<ClaimName, string>> = {
  buildSignerURI: `${FULCIO}.9`,
  buildSignerDigest: `${FULCIO}.10`,
  runnerEnvironment: `${FULCIO}.11`,
  sourceRepository: `${FULCIO}.12`,
  sourceRepositoryDigest: `${FULCIO}.13`,
  sourceRepositoryRef: `${FULCIO}.14`,
  sourceRepositoryIdentifier: `${FULCIO}.15`,
  sourceRepositoryOwner: `${FULCIO}.16`,
  sourceRepositoryOwnerIdentifier: `${FULCIO}.17`,
  buildConfigURI: `${FULCIO}.18`,
  buildConfigDigest: `${FULCIO}.19`,
  buildTrigger: `${FULCIO}.20`,
  runInvocationURI: `${FULCIO}.21`,
  sourceRepositoryVisibilityAtSigning: `${FULCIO}.22`,
};

/** Tags of general names (RFC 5280, section 4.2.1.6). */
const GENERAL_NAME = { other: 0, email: 1, uri: 6 } as const;
const UTF8_STRING = 0x0c;

/** Who the certificate names: all names, not only the first as in the library. Missing parts are empty. */
export function readIdentity(der: Buffer): CertificateIdentity {
  const certificate = ParsedCertificate.parse(Buffer.from(der));
  const text = (oid: string) => utf8String(certificate.extension(oid)?.valueObj.subs[0]);
  const claims = CLAIM_NAMES.flatMap((name) => {
    const value = text(CLAIMS[name]);
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    // The raw form is for certificates that lack the other, not for those in which it cannot be read.
    issuer: certificate.extension(ISSUER)
      ? (text(ISSUER) ?? '')
      : (certificate.extension(ISSUER_RAW)?.value.toString() ?? ''),
    subjects: (certificate.extension(SUBJECT_ALTERNATIVE_NAME)?.valueObj.subs[0]?.subs ?? []).flatMap(nameIn),
    claims: Object.fromEntries(claims),
  };
}

function nameIn(name: ASN1Obj): readonly string[] {
  const is = (tag: number) => name.tag.isContextSpecific(tag);
  if (is(GENERAL_NAME.email) || is(GENERAL_NAME.uri)) return [name.value.toString()];
  if (!is(GENERAL_NAME.other) || name.subs[0]?.toOID() !== OTHER_NAME) return [];
  const value = utf8String(name.subs[1]?.subs[0]);
  return value === undefined ? [] : [value];
}

function utf8String(value: ASN1Obj | undefined): string | undefined {
  return value?.tag.isUniversal() === true && value.tag.number === UTF8_STRING
    ? value.value.toString()
    : undefined;
}

/** Certificates, each issued by the next one where they are a path. */
export type Chain = readonly X509Certificate[];

/** Intermediates shipped with a signature that may be used; one is usual. */
const MAX_INTERMEDIATES = 4;

/**
 * Intermediates among shipped certificates, or one clause why they are not examined. Roots are left out: a root is
 * trusted because it lies in the trust root, and one that a stranger ships would anchor anything.
 */
export function intermediatesIn(shipped: readonly Buffer[]): Chain | string {
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
export function findPath(leaf: X509Certificate, intermediates: Chain, trusted: Chain): Chain | undefined {
  const fresh = new Set([...trusted, ...intermediates]);
  let ways: readonly Chain[] = [[leaf]];
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

function isAnchor(last: X509Certificate | undefined, trusted: Chain): boolean {
  return last !== undefined && trusted.includes(last) && isIssuedBy(last, last);
}

/** By name, key identifier and key usage (OpenSSL's X509_check_issued), by right, and by signature. */
function isIssuedBy(certificate: X509Certificate | undefined, issuer: X509Certificate): boolean {
  try {
    if (certificate?.checkIssued(issuer) !== true || !mayIssue(issuer)) return false;
    return certificate.verify(issuer.publicKey);
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
function isLongerThanAllowed(path: Chain): boolean {
  return path.slice(1).some(({ raw }, below) => {
    const limit = ParsedCertificate.parse(Buffer.from(raw)).extBasicConstraints?.pathLenConstraint;
    return limit !== undefined && limit < BigInt(below);
  });
}
