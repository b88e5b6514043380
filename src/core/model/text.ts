/** Cuts a text to so many characters (UTF-16), the last one `…` where something is missing. */
export function cutText(text: string, maxCharacters: number): string {
  return text.length <= maxCharacters ? text : `${text.slice(0, maxCharacters - 1)}…`;
}

/** Cuts a text to so many bytes of UTF-8, the last three `…` where something is missing; characters stay whole. */
export function cutBytes(text: string, maxBytes: number): string {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= maxBytes) return text;
  let end = maxBytes - CUT_BYTES;
  // A byte 10xxxxxx continues a character that began before it.
  while (end > 0 && ((bytes[end] ?? 0) & 0b1100_0000) === 0b1000_0000) end -= 1;
  return `${new TextDecoder().decode(bytes.subarray(0, end))}…`;
}

/** Bytes of `…`. */
const CUT_BYTES = 3;

/** A text without line breaks and control characters: text from outside must not forge another line. */
export function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ');
}
