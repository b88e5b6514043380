/** Cuts a text to so many bytes of UTF-8, and says that it did; characters stay whole. */
export function boundedText(text: string, maxBytes: number): string {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= maxBytes) return text;
  const room = maxBytes - CUT_BYTES;
  let end = room;
  // A byte 10xxxxxx continues a character that began before it.
  while (end > 0 && ((bytes[end] ?? 0) & 0b1100_0000) === 0b1000_0000) end -= 1;
  return `${new TextDecoder().decode(bytes.subarray(0, end))}…`;
}

/** Bytes of `…`. */
const CUT_BYTES = 3;
