import { randomBytes, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';

/** A certificate and its private key (PKCS #8), both PEM. */
export interface KeyedCertificate {
  readonly cert: string;
  readonly key: string;
}

/** From when to when a certificate is valid; X.509 keeps whole seconds. */
export interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

export interface AuthorityRequest extends Validity {
  /** Common name. */
  readonly name: string;
}

export interface ServingRequest extends Validity {
  readonly authority: KeyedCertificate;
  /** DNS names and IP addresses it is valid for; at least one. */
  readonly hosts: readonly string[];
}

/** ECDSA over P-256: taken by every Go and OpenSSL, quick to make and to verify. */
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
/** Longest common name, RFC 5280 appendix A.1 (ub-common-name); the names that count stand among the alternative names. */
const MAX_COMMON_NAME = 64;

/** Makes a self-signed authority that may sign serving certificates and no further authority. */
export async function createAuthority({
  name,
  notBefore,
  notAfter,
}: AuthorityRequest): Promise<KeyedCertificate> {
  const x509 = await import('./x509.ts');
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: [{ CN: [name] }],
    notBefore,
    notAfter,
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { cert: pem(certificate.toString('pem')), key: await exportKey(keys.privateKey) };
}

/** Makes a serving certificate, with a key of its own. Rejects when the authority's PEM cannot be used. */
export async function issueServing(request: ServingRequest): Promise<KeyedCertificate> {
  const { authority, hosts, notBefore, notAfter } = request;
  const x509 = await import('./x509.ts');
  const issuer = new x509.X509Certificate(authority.cert);
  const signingKey = await importKey(x509.PemConverter.decodeFirst(authority.key));
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const names = hosts.map((value) => ({
    type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const),
    value,
  }));
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: [{ CN: [(hosts[0] ?? '').slice(0, MAX_COMMON_NAME)] }],
    issuer: issuer.subjectName,
    notBefore,
    notAfter,
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(names),
      await x509.AuthorityKeyIdentifierExtension.create(await issuer.publicKey.export()),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { cert: pem(certificate.toString('pem')), key: await exportKey(keys.privateKey) };
}

function importKey(der: ArrayBuffer): Promise<webcrypto.CryptoKey> {
  return webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign']);
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  const der = await webcrypto.subtle.exportKey('pkcs8', key);
  const lines = Buffer.from(der)
    .toString('base64')
    .match(/.{1,64}/g);
  return `-----BEGIN PRIVATE KEY-----\n${(lines ?? []).join('\n')}\n-----END PRIVATE KEY-----\n`;
}

/** Ends with a line feed, so that several stand one below the other. */
function pem(text: string): string {
  return `${text.trim()}\n`;
}

/** Positive, and never twice the same: RFC 5280 section 4.1.2.2. */
function serialNumber(): string {
  return `01${randomBytes(15).toString('hex')}`;
}
