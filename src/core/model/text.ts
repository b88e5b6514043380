import { createHash } from 'node:crypto';

/** Cuts a text to so many characters (UTF-16), the last one `…` where something is missing. */
export function cutText(text: string, maxCharacters: number): string {
  return text.length <= maxCharacters ? text : `${text.slice(0, maxCharacters - 1)}…`;
}

/** Cuts a text to so many bytes of UTF-8, the last three `…` where something is missing; characters stay whole. */
export function cutBytes(text: string, maxBytes: number): string {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= maxBytes) return text;
  // As part of a stream: the decoder waits for the rest of a character that is cut, and leaves it out.
  return `${new TextDecoder().decode(bytes.subarray(0, maxBytes - CUT_BYTES), { stream: true })}…`;
}

/** Bytes of `…`. */
const CUT_BYTES = 3;

/** A text without line breaks and control characters: text from outside must not forge another line. */
export function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ');
}

/** Characters of a secret in the path of a webhook: 22 of base64url are 128 bits. */
const SECRET = '[A-Za-z0-9_-]{22,128}';
const WHOLE = new RegExp(`^${SECRET}$`);
const IN_TEXT = /\/(validate|mutate)\/[A-Za-z0-9_-]{22,}/g;

/** Whether a text can be the secret in the path of a webhook. */
export function isPathSecret(text: string): boolean {
  return WHOLE.test(text);
}

/**
 * A text without the secrets of webhook paths. The API server repeats the URL of a webhook that it cannot reach, in the answer to
 * any caller that creates a pod.
 */
export function hidePathSecrets(text: string): string {
  return text.replaceAll(IN_TEXT, '/$1/…');
}

/**
 * Whether two texts are the same. The time shows neither how much of them is nor the length of the secret: hashes are compared, all of
 * them each time.
 */
export function isSecret(shown: string, secret: string): boolean {
  const expected = sha256(secret);
  const difference = sha256(shown).reduce((sum, byte, index) => sum | (byte ^ (expected[index] ?? 0)), 0);
  return difference === 0;
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
