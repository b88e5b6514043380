import { createPrivateKey, randomBytes, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import type * as X509 from './x509.ts';
import { fits, isIssuedBy, readCertificate, type Pair } from './read.ts';

/** How long a certificate is good for. */
interface Validity {
  /** From `now` on; the end of its authority cuts it short. */
  readonly lifetimeMs: number;
  /** How much before `now` it begins: clocks of machines differ. */
  readonly skewMs: number;
  readonly now: Date;
}

/** An authority that is to be made; its common name has at most 64 characters. */
interface AuthorityRequest extends Validity {
  readonly name: string;
}

/** A serving certificate that is to be made, for at least one DNS name or IP address. */
interface ServingRequest extends Validity {
  readonly authority: Pair;
  readonly hosts: readonly string[];
}

/** Bytes of chance in a serial number: RFC 5280 allows 20 with the sign, CA/B asks for 8. */
const SERIAL_BYTES = 16;
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/**
 * Makes a self-signed authority (P-256) that may sign leaves and nothing else. Its key is worth as much as the trust in it:
 * it is returned once and kept nowhere.
 */
export async function createAuthority(request: AuthorityRequest): Promise<Pair> {
  const x509 = await import('./x509.ts');
  const keys = await generateKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: [{ CN: [request.name] }],
    ...validity(request),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return pairOf(certificate, keys, x509);
}

/**
 * Issues a certificate (P-256) to serve TLS with. It has no subject: a common name holds 64 characters, and TLS clients have
 * ignored it for years. Throws when there is no host, or when the authority is broken or has expired: callers check before.
 */
export async function issueServing({ authority, hosts, ...request }: ServingRequest): Promise<Pair> {
  const end = readCertificate(authority.cert)?.notAfter.getTime();
  if (end === undefined || !fits(authority))
    throw new TypeError('the authority is not a certificate with its key');
  if (end <= request.now.getTime()) throw new RangeError('the authority has expired');
  if (hosts.length === 0) throw new RangeError('a serving certificate needs at least one host');
  const x509 = await import('./x509.ts');
  const keys = await generateKeys();
  const issuer = new x509.X509Certificate(authority.cert);
  const names = hosts.map((host) => ({ type: isIP(host) === 0 ? 'dns' : 'ip', value: host }) as const);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    issuer: issuer.subject,
    ...validity(request, end),
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey: await importKey(authority.key),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      // Critical, because there is no subject: RFC 5280 section 4.1.2.6.
      new x509.SubjectAlternativeNameExtension(names, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  });
  return pairOf(certificate, keys, x509);
}

function validity({ lifetimeMs, skewMs, now }: Validity, end = Infinity) {
  const from = now.getTime();
  return { notBefore: new Date(from - skewMs), notAfter: new Date(Math.min(from + lifetimeMs, end)) };
}

async function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

/** Both with a line end, so that they can be strung together. */
async function pairOf(
  certificate: X509.X509Certificate,
  { privateKey }: webcrypto.CryptoKeyPair,
  x509: typeof X509,
): Promise<Pair> {
  const der = await webcrypto.subtle.exportKey('pkcs8', privateKey);
  const key = x509.PemConverter.encode(der, 'PRIVATE KEY');
  return { cert: `${certificate.toString('pem')}\n`, key: `${key}\n` };
}

async function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(pem).export({ format: 'der', type: 'pkcs8' });
  return webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign']);
}

/** Positive and never twice the same: RFC 5280 section 4.1.2.2. */
function serialNumber(): string {
  return `01${randomBytes(SERIAL_BYTES).toString('hex')}`;
}

/** Makes and reads certificates; a test of many years hands in cheaper ones. */
export const CERTIFICATES = { createAuthority, issueServing, readCertificate, fits, isIssuedBy };

/** The functions of {@link CERTIFICATES}. */
export type Certificates = Readonly<typeof CERTIFICATES>;
