// Private keys as people keep them in files and Secrets.
import { randomBytes, scryptSync, type KeyObject } from 'node:crypto';
import { xsalsa20poly1305 } from '@noble/ciphers/salsa.js';

export interface CosignKeyOptions {
  readonly password?: string;
  /** Scrypt's cost; cosign takes 2¹⁵, 2¹⁶ (its own) and 2¹⁷. */
  readonly cost?: number;
  readonly label?: string;
}

/** An encrypted key as `cosign generate-key-pair` writes it. */
export function cosignKey(privateKey: KeyObject, options: CosignKeyOptions = {}): string {
  const { label = 'ENCRYPTED SIGSTORE PRIVATE KEY' } = options;
  return pemOf(label, Buffer.from(JSON.stringify(cosignKeyJson(privateKey, options))));
}

/** What is inside such a key, to be changed. */
export function cosignKeyJson(
  privateKey: KeyObject,
  { password = '', cost = 2 ** 15 }: CosignKeyOptions = {},
) {
  const [salt, nonce] = [randomBytes(32), randomBytes(24)];
  const params = { N: cost, r: 8, p: 1 };
  const key = scryptSync(password, salt, 32, { ...params, maxmem: 256 * 1024 * 1024 });
  const box = xsalsa20poly1305(key, nonce).encrypt(privateKey.export({ type: 'pkcs8', format: 'der' }));
  return {
    kdf: { name: 'scrypt', params, salt: salt.toString('base64') },
    cipher: { name: 'nacl/secretbox', nonce: nonce.toString('base64') },
    ciphertext: Buffer.from(box).toString('base64'),
  };
}

/** One PEM block (RFC 7468). */
export function pemOf(label: string, body: Uint8Array): string {
  const lines =
    Buffer.from(body)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}
