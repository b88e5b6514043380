import type { Descriptor } from '../core/model/index.ts';
import { provenBytes } from './blob.ts';
import type { BlobStore, Part, StoredBlob } from './ports.ts';

/** The bytes of a part that a store has, proven as those of an upstream are; wrong ones are removed from it. `undefined` = it has none. */
export async function storedBytes(
  store: BlobStore,
  blob: Pick<Descriptor, 'digest' | 'size'>,
  part: Part,
): Promise<AsyncIterable<Uint8Array> | undefined> {
  const stored = await store.open(blob, part);
  return stored && provenFrom(stored, blob, part);
}

/** Proven bytes, which a store keeps where they are the whole blob. */
export function keptBytes(
  store: BlobStore,
  blob: Pick<Descriptor, 'digest' | 'size'>,
  { start, end }: Part,
  proven: AsyncIterable<Uint8Array>,
): AsyncIterable<Uint8Array> {
  return start === 0 && end === blob.size ? store.keep(blob, proven) : proven;
}

async function* provenFrom(
  { bytes, prove, drop }: StoredBlob,
  blob: Pick<Descriptor, 'digest' | 'size'>,
  part: Part,
): AsyncGenerator<Uint8Array> {
  try {
    yield* provenBytes(bytes, blob, part);
  } catch (error) {
    await drop();
    throw error;
  }
  if (part.start === 0 && part.end === blob.size) prove();
}
