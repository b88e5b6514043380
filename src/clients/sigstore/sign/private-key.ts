import { createPrivateKey, type KeyObject, scrypt, type ScryptOptions } from 'node:crypto';
import { promisify } from 'node:util';
import { xsalsa20poly1305 } from '@noble/ciphers/salsa.js';
import * as z from 'zod';
import { type KeyKind, parsed, type Parsed, parseShort, problem } from '../../../core/model/index.ts';
import { type PemBlock, splitPem } from '../encodings.ts';
import { kindOfKey } from '../verify/key-signature.ts';

/** A private key as it lies in a file or Secret. */
export interface PrivateKeyText {
  /** PEM: an encrypted cosign key, or a plain one (PKCS #8, SEC 1, PKCS #1). */
  readonly pem: string;
  /** Of an encrypted key; default empty, as cosign itself has it. */
  readonly password?: string;
}

export interface PrivateKey {
  readonly key: KeyObject;
  readonly kind: KeyKind;
}

/** Longest text in characters; an RSA key of 8,192 bits has about seven thousand. */
const MAX_PEM_LENGTH = 64 * 1024;

const COSIGN_LABELS: ReadonlySet<string> = new Set([
  'ENCRYPTED SIGSTORE PRIVATE KEY',
  'ENCRYPTED COSIGN PRIVATE KEY',
]);
const PLAIN_LABELS: Readonly<Record<string, PrivateDer['type']>> = {
  'PRIVATE KEY': 'pkcs8',
  'EC PRIVATE KEY': 'sec1',
  'RSA PRIVATE KEY': 'pkcs1',
};

/** Reads a private key. No problem repeats anything of the text. */
export async function readPrivateKey({ pem, password = '' }: PrivateKeyText): Promise<Parsed<PrivateKey>> {
  if (pem.length > MAX_PEM_LENGTH) return problem('pem', `is longer than ${MAX_PEM_LENGTH} characters`);
  // OpenSSL puts the parameters of the curve in a block of their own before the key.
  const [block, ...more] = splitPem(pem).filter(({ label }) => label.endsWith('PRIVATE KEY'));
  if (!block || more.length > 0) return problem('pem', 'is not one private key in PEM');
  const der = await derOf(block, password);
  if (!der.ok) return der;
  const key = openDer(der.value);
  if (key === undefined) return problem('pem', 'is not a private key that can be read');
  const kind = kindOfKey(key);
  return kind === undefined
    ? problem('pem', 'is neither ECDSA (P-256, P-384, P-521) nor RSA of 2048 bits or more nor Ed25519')
    : parsed({ key, kind });
}

interface PrivateDer {
  readonly der: Uint8Array;
  readonly type: 'pkcs8' | 'sec1' | 'pkcs1';
}

async function derOf({ label, der }: PemBlock, password: string): Promise<Parsed<PrivateDer>> {
  const type = PLAIN_LABELS[label];
  if (type !== undefined) return parsed({ der, type });
  return COSIGN_LABELS.has(label)
    ? decryptCosignKey(der, password)
    : problem('pem', 'is encrypted in a way that is not supported: cosign import-key-pair converts it');
}

function openDer({ der, type }: PrivateDer): KeyObject | undefined {
  try {
    return createPrivateKey({ key: Buffer.from(der), format: 'der', type });
  } catch {
    return undefined; // OpenSSL's message does not help, and may quote the key
  }
}

const derive = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt);

/** Length of a secretbox key in bytes (NaCl, "Secret-key authenticated encryption"). */
const KEY_BYTES = 32;
const NONCE_BYTES = 24;
const SALT_BYTES = 32;
/** Memory for scrypt in bytes: the largest accepted set takes 128 MiB and a little more; Node's own limit of 32 is too small. */
const SCRYPT_MEMORY_BYTES = 160 * 1024 * 1024;

const bytes = (length?: number) =>
  z
    .base64()
    .transform((text) => Buffer.from(text, 'base64'))
    .refine((value) => length === undefined || value.length === length);

/**
 * What cosign and its relatives write (go-securesystemslib, "encrypted"). Only the three sets of scrypt parameters that they
 * accept themselves: a file does not choose how long and how much memory we work for it.
 */
const encryptedKey = z.object({
  kdf: z.object({
    name: z.literal('scrypt'),
    params: z.object({ N: z.literal([2 ** 15, 2 ** 16, 2 ** 17]), r: z.literal(8), p: z.literal(1) }),
    salt: bytes(SALT_BYTES),
  }),
  cipher: z.object({ name: z.literal('nacl/secretbox'), nonce: bytes(NONCE_BYTES) }),
  ciphertext: bytes(),
});

/** Decrypts the body of an encrypted cosign key. Takes about a tenth of a second, on another thread. */
async function decryptCosignKey(json: Uint8Array, password: string): Promise<Parsed<PrivateDer>> {
  const read = encryptedKey.safeParse(parseShort(json));
  if (!read.success) return problem('pem', 'is not an encrypted key as cosign writes it');
  const { kdf, cipher, ciphertext } = read.data;
  const options = { ...kdf.params, maxmem: SCRYPT_MEMORY_BYTES };
  const key = await derive(password, kdf.salt, KEY_BYTES, options);
  try {
    return parsed({ der: xsalsa20poly1305(key, cipher.nonce).decrypt(ciphertext), type: 'pkcs8' });
  } catch {
    return problem('password', 'does not open the key'); // or a changed file: the authenticator does not distinguish them
  } finally {
    key.fill(0);
  }
}
