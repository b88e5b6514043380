/** Bytes up to which a body shares its memory with others: one of its own costs the collector of garbage more than the bytes. */
const SMALL_BYTES = 4 * 1024;

/**
 * All the bytes of a stream; `undefined` when it has more than `maxBytes`: then reading ends, and the stream and its
 * connection are destroyed. Holds no more than that, whatever length was claimed. `expected` = the length that was claimed, which
 * it must not exceed. `makeRoom` is awaited before that many bytes are held. Throws what the stream throws.
 */
export async function readAtMost(
  stream: AsyncIterable<Uint8Array>,
  maxBytes: number,
  expected?: number,
  makeRoom?: (size: number) => Promise<void> | undefined,
): Promise<Buffer | undefined> {
  const chunks: Uint8Array[] = [];
  const most = Math.min(maxBytes, expected ?? maxBytes);
  // Large ones are written where they stay: chunks that are joined at the end would take the memory twice.
  const whole = expected === most && most > SMALL_BYTES ? Buffer.allocUnsafeSlow(most) : undefined;
  let size = 0;
  for await (const chunk of stream) {
    if (size + chunk.byteLength > most) return undefined;
    await makeRoom?.(size + chunk.byteLength);
    if (whole) whole.set(chunk, size);
    else chunks.push(chunk);
    size += chunk.byteLength;
  }
  return whole?.subarray(0, size) ?? Buffer.concat(chunks);
}
