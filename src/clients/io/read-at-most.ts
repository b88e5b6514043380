/**
 * All the bytes of a stream; `undefined` when it has more than `maxBytes`: then reading ends, and the stream and its
 * connection are destroyed. Holds no more than that, whatever length was claimed. Throws what the stream throws.
 */
export async function readAtMost(
  stream: AsyncIterable<Uint8Array>,
  maxBytes: number,
): Promise<Buffer | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.byteLength;
    if (size > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
