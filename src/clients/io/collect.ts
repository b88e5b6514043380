/**
 * Bytes of blobs, of all together, after which their buffers are collected, where Node.js lets itself be asked (`--expose-gc`). Each read has
 * a new one, which the collection of young objects frees in less than a millisecond. V8 by itself waits for some 64 MiB of them and then
 * marks the whole heap, each time: a third of the processor time of a large blob, and most of its memory.
 */
const COLLECTED_BYTES = 4 * 1024 * 1024;

/** Counts bytes of blobs that were handed on, and collects their buffers now and then. */
export const collectAfter = collector();

function collector(): (bytes: number) => void {
  let uncollected = 0;
  return (bytes) => {
    uncollected += bytes;
    if (uncollected < COLLECTED_BYTES) return;
    uncollected = 0;
    globalThis.gc?.({ type: 'minor' });
  };
}
