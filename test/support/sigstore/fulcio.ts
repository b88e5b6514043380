import 'reflect-metadata';
import { createHash, createPublicKey, randomBytes, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import type { CTLog } from '@sigstore/mock/dist/fulcio/ctlog.js';
import type { KeyKind } from '../../../src/core/model/index.ts';
import { signingKey, type SigningKey } from '../signing.ts';
import { alternativeNames, tlv, utf8String, type AlternativeName } from './der.ts';

/** A certificate with the private half of its key. */
export interface Issuer {
  readonly der: Buffer;
  /** For a link with another issuer: the same name and key again. */
  readonly keys: webcrypto.CryptoKeyPair;
  readonly subject: string;
}

export interface Validity {
  readonly from: Date;
  readonly to: Date;
}

export interface IssuerRequest extends Validity {
  readonly name: string;
  /** Who issues it; absent = itself. */
  readonly by?: Issuer;
  readonly pathLength?: number;
  /** Keys to use again, for certificates that issue each other. */
  readonly keys?: webcrypto.CryptoKeyPair;
  /** `false` for a certificate that is no authority and issues nevertheless. */
  readonly isAuthority?: boolean;
  readonly extensions?: readonly x509.Extension[];
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** Makes the certificate of an authority: a root, or an intermediate below another. */
export async function createIssuer(request: IssuerRequest): Promise<Issuer> {
  const { name, by, pathLength, from, to, isAuthority = true } = request;
  const keys = request.keys ?? (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']));
  const subject = `CN=${name},O=sigstore.test`;
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject,
    issuer: by?.subject ?? subject,
    notBefore: from,
    notAfter: to,
    signingAlgorithm: algorithm,
    publicKey: keys.publicKey,
    signingKey: (by?.keys ?? keys).privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(isAuthority, pathLength, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create((by?.keys ?? keys).publicKey),
      ...(request.extensions ?? []),
    ],
  });
  return { der: Buffer.from(certificate.rawData), keys, subject };
}

export interface LeafRequest extends Validity {
  readonly by: Issuer;
  readonly key?: SigningKey;
  readonly keyKind?: KeyKind;
  readonly names?: readonly AlternativeName[];
  /** The OpenID issuer, by the newer extension; `null` for none. */
  readonly issuer?: string | null;
  /** The same by the older extension, as raw bytes. */
  readonly oldIssuer?: string;
  /** Further extensions of Fulcio by their last number, e.g. `{ 12: 'https://github.com/acme/shop' }`. */
  readonly claims?: Readonly<Record<number, string>>;
  /** Object identifiers of the extended key usage; default code signing. */
  readonly usage?: readonly string[];
  readonly extensions?: readonly x509.Extension[];
  /** Where the certificate is announced; absent = it holds no promise of a certificate log. */
  readonly log?: CTLog | undefined;
}

/** A key with a certificate that names its holder. */
export interface Certified {
  readonly key: SigningKey;
  /** DER. */
  readonly certificate: Buffer;
}

/** The default subject of the certificates of the tests. */
export const WORKFLOW = 'https://github.com/acme/shop/.github/workflows/release.yml@refs/heads/main';
export const OPENID_ISSUER = 'https://token.actions.githubusercontent.com';

const FULCIO = '1.3.6.1.4.1.57264.1';
const SCT_LIST = '1.3.6.1.4.1.11129.2.4.2';

/** Issues a certificate for signing, as Fulcio does. */
export async function issueLeaf(request: LeafRequest): Promise<Certified> {
  const key = request.key ?? signingKey(request.keyKind);
  const parameters = await leafParameters(request, key);
  const { log, by } = request;
  if (!log) return { key, certificate: await generate(parameters) };
  const precertificate = await generate(parameters);
  const spki = await webcrypto.subtle.exportKey('spki', by.keys.publicKey);
  const issuerId = createHash('sha256').update(Buffer.from(spki)).digest();
  const sct = await log.log(exactly(precertificate), exactly(issuerId));
  const promised = { ...parameters, extensions: [...parameters.extensions, sctList(Buffer.from(sct))] };
  return { key, certificate: await generate(promised) };
}

type Parameters = x509.X509CertificateCreateParams & { readonly extensions: x509.Extension[] };

async function generate(parameters: Parameters): Promise<Buffer> {
  return Buffer.from((await x509.X509CertificateGenerator.create(parameters)).rawData);
}

async function leafParameters(request: LeafRequest, key: SigningKey): Promise<Parameters> {
  const { by, from, to, extensions = [] } = request;
  const { names = [{ uri: WORKFLOW }], usage = ['1.3.6.1.5.5.7.3.3'] } = request;
  return {
    serialNumber: serialNumber(),
    subject: '',
    issuer: by.subject,
    notBefore: from,
    notAfter: to,
    signingAlgorithm: algorithm,
    publicKey: new x509.PublicKey(createPublicKey(key.pem).export({ type: 'spki', format: 'der' })),
    signingKey: by.keys.privateKey,
    extensions: [
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      ...(usage.length > 0 ? [new x509.ExtendedKeyUsageExtension([...usage])] : []),
      ...(names.length > 0 ? [new x509.Extension('2.5.29.17', true, alternativeNames(names))] : []),
      await x509.AuthorityKeyIdentifierExtension.create(by.keys.publicKey),
      ...identityExtensions(request),
      ...extensions,
    ],
  };
}

function identityExtensions({
  issuer = OPENID_ISSUER,
  oldIssuer,
  claims = {},
}: LeafRequest): x509.Extension[] {
  const own = (last: number | string, value: Buffer) => extension(`${FULCIO}.${last}`, false, value);
  return [
    ...(oldIssuer === undefined ? [] : [own(1, Buffer.from(oldIssuer))]),
    ...(issuer === null ? [] : [own(8, utf8String(issuer))]),
    ...Object.entries(claims).map(([last, value]) => own(last, utf8String(value))),
  ];
}

/** RFC 6962, section 3.3: a list of one, in an octet string; the promise brings its own length. */
function sctList(sct: Buffer): x509.Extension {
  const list = Buffer.concat([Buffer.from([sct.length >> 8, sct.length & 0xff]), sct]);
  return new x509.Extension(SCT_LIST, false, tlv(0x04, list));
}

/** The bytes in a separate buffer, as the mock requires it. */
function exactly(bytes: Buffer): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}

/** Positive and never twice the same: RFC 5280 section 4.1.2.2. */
function serialNumber(): string {
  return `01${randomBytes(8).toString('hex')}`;
}

/** Any extension, for certificates with invalid content. */
export function extension(oid: string, critical: boolean, value: Buffer): x509.Extension {
  return new x509.Extension(oid, critical, value);
}
