import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import type { Clock } from '../core/model/index.ts';
import type { Caller } from './ports.ts';

/** Seconds for which a token of the gate is good: as long as registries give, and a pull asks for a new one by itself. */
export const TOKEN_SECONDS = 300;
const CIPHER = 'aes-256-gcm';
const IV_BYTES = 12;
const TAG_BYTES = 16;
/** Longest token in characters; one with a login of usual length has some hundred. */
const MAX_LENGTH = 16_384;

/** Tokens that say who asks: only replicas with the same secret can make or read them, and they may hold the caller's login. */
export interface Tokens {
  readonly seal: (caller: Caller) => string;
  /** `undefined` = it was not made with this secret, or is too old. */
  readonly open: (token: string) => Caller | undefined;
}

/** Makes and reads tokens. `secret` is that of all replicas. */
export function createTokens(secret: Uint8Array, clock: Clock): Tokens {
  const key = Buffer.from(hkdfSync('sha256', secret, '', 'pratique gate token', 32));
  const seconds = (): number => Math.floor(clock().getTime() / 1_000);
  return {
    seal: (caller) => {
      const iv = randomBytes(IV_BYTES);
      const cipher = createCipheriv(CIPHER, key, iv);
      const text = JSON.stringify({ caller, until: seconds() + TOKEN_SECONDS });
      const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
      return Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64url');
    },
    open: (token) => {
      const text = token.length > MAX_LENGTH ? undefined : unseal(Buffer.from(token, 'base64url'), key);
      if (text === undefined) return undefined;
      // Written by a replica: it is what `seal` writes.
      const { caller, until } = JSON.parse(text) as { readonly caller: Caller; readonly until: number };
      return until >= seconds() ? caller : undefined;
    },
  };
}

function unseal(bytes: Buffer, key: Buffer): string | undefined {
  if (bytes.byteLength <= IV_BYTES + TAG_BYTES) return undefined;
  const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES)), decipher.final()]).toString(
      'utf8',
    );
  } catch {
    return undefined;
  }
}
