import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** What a shared secret says of a request. */
export type SecretVerdict = 'good' | 'missing' | 'wrong' | 'unusable';

/** Shortest secret in characters: a shorter one can be guessed, and an empty file must authenticate no one. */
export const MIN_SECRET_LENGTH = 16;

/** Whether the header holds the HMAC-SHA-256 of just this body, in hex; GitHub writes `sha256=` in front of it. */
export function checkSignature(
  body: Uint8Array,
  signature: string | undefined,
  secret: string | undefined,
): SecretVerdict {
  const key = usable(secret);
  if (key === undefined) return 'unusable';
  if (signature === undefined) return 'missing';
  const hex = /^(?:sha256=)?([0-9a-f]{64})$/i.exec(signature)?.[1];
  if (hex === undefined) return 'wrong';
  const expected = createHmac('sha256', key).update(body).digest();
  return timingSafeEqual(Buffer.from(hex, 'hex'), expected) ? 'good' : 'wrong';
}

/** Whether the token is the secret. */
export function checkToken(token: string | undefined, secret: string | undefined): SecretVerdict {
  const key = usable(secret);
  if (key === undefined) return 'unusable';
  if (token === undefined) return 'missing';
  // Both have the same length, whatever was sent, so that the time does not show the length of the secret.
  return timingSafeEqual(sha256(token), sha256(key)) ? 'good' : 'wrong';
}

/** The secret without the line break that editors put at the end of a file. */
function usable(secret: string | undefined): string | undefined {
  const key = secret?.trim();
  return key !== undefined && key.length >= MIN_SECRET_LENGTH ? key : undefined;
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
