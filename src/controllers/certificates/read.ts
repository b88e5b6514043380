import { createPrivateKey, X509Certificate } from 'node:crypto';

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
export function fits({ cert, key }: { readonly cert: string; readonly key: string }): boolean {
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
  return certificatesIn(caPem).some(
    (authority) =>
      authority.ca && certificate.checkIssued(authority) && certificate.verify(authority.publicKey),
  );
}

function certificatesIn(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  return blocks.flatMap((block) => parsePem(block) ?? []);
}

/** A certificate in PEM; `undefined` where it cannot be read. */
export function parsePem(pem: string): X509Certificate | undefined {
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
