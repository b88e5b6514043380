import { createPublicKey, X509Certificate, type KeyObject } from 'node:crypto';
import type { TransparencyLogEntry } from '@sigstore/bundle';
import * as z from 'zod';
import { parseJson } from '../json.ts';
import { splitPem } from '../pem.ts';

/** Who a log entry says verifies the signature it holds. */
export interface EntryVerifier {
  readonly key: KeyObject;
  /** DER, when the entry names a certificate rather than a key. */
  readonly certificate?: Buffer;
}

const fields = z.record(z.string(), z.unknown());
const rawBytes = z.object({ rawBytes: z.string() });

/** Where each kind of entry keeps the verifier. Kinds not named here (`rekord`, `intoto` 0.0.1) prove nothing. */
const PLACES: Readonly<Record<string, readonly string[]>> = {
  'hashedrekord 0.0.1': ['spec', 'signature', 'publicKey', 'content'],
  'dsse 0.0.1': ['spec', 'signatures', '0', 'verifier'],
  'intoto 0.0.2': ['spec', 'content', 'envelope', 'signatures', '0', 'publicKey'],
  'hashedrekord 0.0.2': ['spec', 'hashedRekordV002', 'signature', 'verifier'],
  'dsse 0.0.2': ['spec', 'dsseV002', 'signatures', '0', 'verifier'],
};

/**
 * The verifier that a log entry names, or `undefined`. The library compares signature and hash of an entry, but not this:
 * an entry with another signer's key would do (a part of CVE-2026-22703).
 */
export function entryVerifier({
  kindVersion,
  canonicalizedBody,
}: TransparencyLogEntry): EntryVerifier | undefined {
  const place = PLACES[`${kindVersion.kind} ${kindVersion.version}`];
  if (place === undefined) return undefined;
  const found = place.reduce((value: unknown, name) => at(value, name), parseJson(canonicalizedBody));
  try {
    return typeof found === 'string' ? fromPem(Buffer.from(found, 'base64').toString()) : fromDer(found);
  } catch {
    return undefined; // no key and no certificate that OpenSSL can read
  }
}

function at(value: unknown, name: string): unknown {
  if (Array.isArray(value)) return value.length === 1 ? value[Number(name)] : undefined;
  const read = fields.safeParse(value);
  return read.success ? read.data[name] : undefined;
}

function fromPem(text: string): EntryVerifier | undefined {
  const [block, ...more] = splitPem(text);
  if (!block || more.length > 0) return undefined;
  return block.label === 'CERTIFICATE' ? fromCertificate(block.der) : fromKey(block.der);
}

function fromDer(verifier: unknown): EntryVerifier | undefined {
  const key = rawBytes.safeParse(at(verifier, 'publicKey'));
  if (key.success) return fromKey(Buffer.from(key.data.rawBytes, 'base64'));
  const certificate = rawBytes.safeParse(at(verifier, 'x509Certificate'));
  return certificate.success ? fromCertificate(Buffer.from(certificate.data.rawBytes, 'base64')) : undefined;
}

function fromKey(der: Buffer): EntryVerifier {
  return { key: createPublicKey({ key: der, format: 'der', type: 'spki' }) };
}

function fromCertificate(der: Buffer): EntryVerifier {
  const { publicKey, raw } = new X509Certificate(der);
  return { key: publicKey, certificate: raw };
}
