import { scrypt, type ScryptOptions } from 'node:crypto';
import { promisify } from 'node:util';
import { xsalsa20poly1305 } from '@noble/ciphers/salsa.js';
import * as z from 'zod';
import { parseJson } from '../json.ts';

const derive = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt);

/** Length of a secretbox key in bytes (NaCl, "Secret-key authenticated encryption"). */
const KEY_BYTES = 32;
const NONCE_BYTES = 24;
const SALT_BYTES = 32;
/**
 * Memory for scrypt in bytes: the largest of the accepted sets takes 128 · N · r = 128 MiB and a little more. Node's own
 * limit of 32 MiB is too small for what cosign writes.
 */
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

/** Why a key could not be decrypted. */
export type KeyRefusal = 'unreadable' | 'wrong password';

/** Decrypts the body of an encrypted cosign key: DER, PKCS #8. Takes about a tenth of a second, on another thread. */
export async function decryptCosignKey(json: Uint8Array, password: string): Promise<Uint8Array | KeyRefusal> {
  const read = encryptedKey.safeParse(parseJson(json));
  if (!read.success) return 'unreadable';
  const { kdf, cipher, ciphertext } = read.data;
  const options = { ...kdf.params, maxmem: SCRYPT_MEMORY_BYTES };
  const key = await derive(password, kdf.salt, KEY_BYTES, options);
  try {
    return xsalsa20poly1305(key, cipher.nonce).decrypt(ciphertext);
  } catch {
    return 'wrong password'; // or a changed file: the authenticator does not tell them apart
  } finally {
    key.fill(0);
  }
}
