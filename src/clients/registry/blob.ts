import { matchesDigest, type Descriptor } from '../../core/model/index.ts';
import { readBody } from './body.ts';
import type { Call } from './call.ts';
import { discard } from './exchange.ts';
import { fault, faultOfStatus } from './fault.ts';
import type { Send } from './transport.ts';

/**
 * Reads a blob whole and checks that size and digest are the descriptor's; `undefined` for a plain 404. One declared
 * larger than `maxBytes` is not even asked for.
 */
export async function readBlob(
  send: Send,
  call: Call,
  { digest, size }: Pick<Descriptor, 'digest' | 'size'>,
  maxBytes: number,
): Promise<Uint8Array | undefined> {
  if (size > maxBytes) {
    throw fault(
      call,
      'LimitExceeded',
      `it has ${String(size)} bytes, and at most ${String(maxBytes)} are read`,
    );
  }
  const url = new URL(`/v2/${call.repository}/blobs/${digest}`, call.endpoint.origin);
  const answer = await send(call, { method: 'GET', url });
  if (answer.status !== 200) {
    await discard(answer);
    if (answer.status === 404) return undefined;
    throw faultOfStatus(call, answer.url.host, answer.status);
  }
  const bytes = await readBody(call, answer, maxBytes);
  if (bytes.byteLength !== size) {
    throw fault(call, 'RegistryMisbehaved', 'the blob has not the size that its descriptor says');
  }
  if (!matchesDigest(bytes, digest)) {
    throw fault(call, 'RegistryMisbehaved', 'the bytes are not those that the digest names');
  }
  return bytes;
}
