import { createPrivateKey, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { parsed, problem, type Parsed } from '../../core/model/index.ts';
import type { KeyedCertificate } from './make.ts';

/** What a certificate says. */
export interface CertificateFacts {
  /** This certificate alone, with a line feed at its end. */
  readonly pem: string;
  /** SHA-256 of the DER, hexadecimal. */
  readonly fingerprint: string;
  /** Common name; empty when there is none. */
  readonly name: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Whether it may sign other certificates. */
  readonly isAuthority: boolean;
}

const BLOCK = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
/** Certificates read from one text: a bundle has two or three, and a system's whole store about 150. */
const MAX_CERTIFICATES = 200;

/** Reads all certificates of a PEM text, at least one; text around them is passed over, a broken one is a problem. */
export function readCertificates(text: string): Parsed<readonly CertificateFacts[]> {
  const blocks = text.match(BLOCK) ?? [];
  if (blocks.length === 0) return problem('', 'holds no PEM certificate');
  if (blocks.length > MAX_CERTIFICATES)
    return problem('', `holds more than ${String(MAX_CERTIFICATES)} certificates`);
  try {
    return parsed(blocks.map(factsOf));
  } catch {
    return problem('', 'holds a certificate that cannot be read');
  }
}

/** Whether the private key is that of the (first) certificate; false also when either cannot be read. */
export function fits({ cert, key }: KeyedCertificate): boolean {
  try {
    return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}

/** Whether the authority named itself in the (first) certificate, may sign, and did; both PEM. Validity is not looked at. */
export function isIssuedBy(cert: string, authority: string): boolean {
  try {
    const issuer = new X509Certificate(authority);
    const certificate = new X509Certificate(cert);
    return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
  } catch {
    return false;
  }
}

/** Whether the (first) certificate is valid for a DNS name or an IP address; the common name does not count, as with Go. */
export function coversHost(cert: string, host: string): boolean {
  try {
    const certificate = new X509Certificate(cert);
    const found =
      isIP(host) === 0 ? certificate.checkHost(host, { subject: 'never' }) : certificate.checkIP(host);
    return found !== undefined;
  } catch {
    return false;
  }
}

function factsOf(block: string): CertificateFacts {
  const certificate = new X509Certificate(block);
  return {
    pem: certificate.toString(),
    fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    name: /^CN=(.*)$/m.exec(certificate.subject)?.[1] ?? '',
    notBefore: certificate.validFromDate,
    notAfter: certificate.validToDate,
    isAuthority: certificate.ca,
  };
}
