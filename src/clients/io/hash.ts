import { webcrypto } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { type Digest, digestOf } from '../../core/model/index.ts';

/** Bytes up to which hashing takes less than a millisecond. */
const HASHED_HERE_BYTES = 256 * 1024;

/** The SHA-256 digest of bytes, of large ones by a thread of Node's own pool. They must not change meanwhile. */
export async function hashElsewhere(bytes: Uint8Array): Promise<Digest> {
  if (bytes.byteLength <= HASHED_HERE_BYTES) return digestOf(bytes);
  // They are copied, and were often just made: others have their turn before.
  await setImmediate();
  const hash = await webcrypto.subtle.digest('SHA-256', bytes);
  return `sha256:${Buffer.from(hash).toString('hex')}`;
}
