const NEWLINE = 0x0a;

/**
 * Cuts a stream of bytes into lines, wherever its chunks begin and end: bytes are put together before they become text, so
 * that a character may span two chunks. Holds one line at a time; `tooLong` makes the error for one of more than
 * `maxBytes`, `cut` the one for a stream that ends within a line.
 */
export async function* linesOf(
  chunks: AsyncIterable<Uint8Array>,
  limits: { readonly maxBytes: number; readonly tooLong: () => Error; readonly cut: () => Error },
): AsyncGenerator<string> {
  let rest: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      const last = chunk.subarray(start, end);
      if (size + last.byteLength > limits.maxBytes) throw limits.tooLong();
      const line = Buffer.concat([...rest, last])
        .toString('utf8')
        .trim();
      [rest, size, start] = [[], 0, end + 1];
      if (line !== '') yield line;
    }
    const tail = chunk.subarray(start);
    size += tail.byteLength;
    if (size > limits.maxBytes) throw limits.tooLong();
    if (tail.byteLength > 0) rest.push(tail);
  }
  if (size > 0) throw limits.cut();
}
