import { Buffer } from 'node:buffer';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { objectOf, parsed, problem, textOf, type Parsed } from '../../core/model/index.ts';

/** A certificate and its private key (PKCS #8), both PEM. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** What a certificate says. */
export interface CertificateReading {
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** DNS names and IP addresses it is good for; IPv6 in its short form. */
  readonly hosts: readonly string[];
  /** SHA-256 of the certificate: 64 hexadecimal digits in lower case. */
  readonly fingerprint: string;
}

/** Reads the first certificate of a PEM text; `undefined` when there is none that can be read. */
export function readCertificate(pem: string): CertificateReading | undefined {
  const certificate = parsePem(pem);
  if (!certificate) return undefined;
  return {
    notBefore: certificate.validFromDate,
    notAfter: certificate.validToDate,
    hosts: hostsOf(certificate.subjectAltName ?? ''),
    fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
  };
}

/** Whether both can be read and the key is the one of the first certificate. */
export function fits({ cert, key }: Pair): boolean {
  try {
    return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  } catch {
    return false; // what cannot be read does not fit
  }
}

/** Whether one of the authorities in `caPem` has signed the certificate. Says nothing of dates. */
export function isIssuedBy(cert: string, caPem: string): boolean {
  const certificate = parsePem(cert);
  if (!certificate) return false;
  const authorities = certificatesIn(caPem).flatMap((block) => parsePem(block) ?? []);
  return authorities.some(
    (authority) =>
      authority.ca && certificate.checkIssued(authority) && certificate.verify(authority.publicKey),
  );
}

/** The certificates in a PEM text, each as PEM. */
export function certificatesIn(pem: string): readonly string[] {
  return pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
}

/** A certificate in PEM; `undefined` where it cannot be read. */
function parsePem(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined; // absent by contract: callers say what they do without
  }
}

/** Node writes `DNS:a.example, IP Address:192.0.2.1`, and quotes what holds a comma or a quote. */
function hostsOf(alternativeName: string): readonly string[] {
  const entries = alternativeName.matchAll(/(?:^|, )(DNS|IP Address):([^",]+)(?=,|$)/g);
  return [...entries].map(([, type, value = '']) => (type === 'DNS' ? value : shortAddress(value)));
}

/** Node writes all eight groups of an IPv6 address. */
function shortAddress(address: string): string {
  return address.includes(':') ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address;
}

/** The keys of the Secret: the two of `kubernetes.io/tls`, and the two that cert-manager's users expect for the authority. */
export interface Contents extends Pair {
  /** Authorities that are to be trusted, PEM, newest first. */
  readonly bundle: string;
  readonly authorityKey: string;
}

/** Reads the Secret; what is not there is the empty text. */
export function decodeContents(data: unknown): Contents {
  const fields = objectOf(data);
  const text = (key: string): string => decodeBase64(textOf(fields[key]));
  return {
    ...{ bundle: text('ca.crt'), authorityKey: text('ca.key') },
    ...{ cert: text('tls.crt'), key: text('tls.key') },
  };
}

/** Writes the Secret. The two of `kubernetes.io/tls` have to be there, even if there is nothing in them. */
export function encodeContents({
  bundle,
  authorityKey,
  cert,
  key,
}: Contents): Readonly<Record<string, string>> {
  return {
    'ca.crt': encodeBase64(bundle),
    'ca.key': encodeBase64(authorityKey),
    'tls.crt': encodeBase64(cert),
    'tls.key': encodeBase64(key),
  };
}

/** Text as base64. */
export function encodeBase64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}

/** Base64 as text; what is no base64 becomes a text that is no PEM. */
export function decodeBase64(base64: string): string {
  return Buffer.from(base64, 'base64').toString('utf8');
}

/**
 * The pair to serve with, from the data of the Secret (base64 by key). A pair that is missing or does not fit is a problem:
 * a replica that has another pair keeps serving with it.
 */
export function servingCertificate(data: unknown): Parsed<Pair> {
  const { cert, key } = decodeContents(data);
  if (cert === '' || key === '') return problem('tls.crt', 'there is no serving certificate yet');
  if (!parsePem(cert)) return problem('tls.crt', 'is no certificate in PEM');
  if (!fits({ cert, key })) return problem('tls.key', 'is not the private key of tls.crt');
  return parsed({ cert, key });
}

/** What the certificate in the Secret says, for readiness and metrics; `undefined` when there is none that can be read. */
export function certificateReading(data: unknown): CertificateReading | undefined {
  return readCertificate(decodeContents(data).cert);
}
