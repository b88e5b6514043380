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
