import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

/** A certificate and its private key (PKCS #8), both PEM. */
export interface KeyedCertificate {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateRequest {
  readonly commonName: string;
  readonly organization?: string;
  /** Names and addresses it is valid for. */
  readonly dns?: readonly string[];
  readonly ips?: readonly string[];
  readonly usage: 'server' | 'client';
  /** Default: a minute ago. */
  readonly notBefore?: Date;
  /** Default: in thirty days. */
  readonly notAfter?: Date;
}

/** A certificate authority made for one test run. */
export interface Authority extends KeyedCertificate {
  issue(request: CertificateRequest): Promise<KeyedCertificate>;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** Makes an authority and lets it issue leaves, all within this process. */
export async function createAuthority(name: string): Promise<Authority> {
  const keys = await generateKeys();
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: [{ CN: [name] }],
    ...validity(365),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return {
    cert: root.toString('pem'),
    key: await exportKey(keys),
    issue: (request) => issue(root, keys, request),
  };
}

async function issue(
  root: x509.X509Certificate,
  rootKeys: webcrypto.CryptoKeyPair,
  request: CertificateRequest,
): Promise<KeyedCertificate> {
  const keys = await generateKeys();
  const { commonName, organization, usage } = request;
  const { notBefore, notAfter } = validity(30);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: [...(organization === undefined ? [] : [{ O: [organization] }]), { CN: [commonName] }],
    issuer: root.subject,
    notBefore: request.notBefore ?? notBefore,
    notAfter: request.notAfter ?? notAfter,
    signingAlgorithm: algorithm,
    publicKey: keys.publicKey,
    signingKey: rootKeys.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(false),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage[`${usage}Auth`]]),
      await x509.AuthorityKeyIdentifierExtension.create(rootKeys.publicKey),
      ...alternativeNames(request),
    ],
  });
  return { cert: certificate.toString('pem'), key: await exportKey(keys) };
}

function alternativeNames({ dns = [], ips = [] }: CertificateRequest): x509.Extension[] {
  const names = [
    ...dns.map((value) => ({ type: 'dns' as const, value })),
    ...ips.map((value) => ({ type: 'ip' as const, value })),
  ];
  return names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)];
}

/** Begins a little earlier than now: clocks of programs started beside us may be read in another order. */
function validity(days: number): { notBefore: Date; notAfter: Date } {
  const now = Date.now();
  return { notBefore: new Date(now - MINUTE_MS), notAfter: new Date(now + days * DAY_MS) };
}

async function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

async function exportKey(keys: webcrypto.CryptoKeyPair): Promise<string> {
  const der = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return x509.PemConverter.encode(der, 'PRIVATE KEY');
}

/** Positive and never twice the same: RFC 5280 section 4.1.2.2. */
function serialNumber(): string {
  return `01${randomBytes(8).toString('hex')}`;
}
