import type { Descriptor } from '../../core/model/index.ts';
import type { Call } from './call.ts';
import { discard, drop, header, type Answer } from './exchange.ts';
import { fault, faultOfError, faultOfStatus } from './fault.ts';
import type { Send } from './transport.ts';

const FIRST_BYTE = /^bytes\s+(\d{1,16})-/;

/**
 * Opens a blob from `offset` on; `undefined` for a plain 404. A registry that sends all of it where a part was asked for is
 * read past what is known already. Nothing is checked but where it begins: the taker knows size and digest.
 */
export async function openBlob(
  send: Send,
  call: Call,
  { digest, size }: Pick<Descriptor, 'digest' | 'size'>,
  offset: number,
): Promise<AsyncIterable<Uint8Array> | undefined> {
  if (offset > 0 && offset >= size) return nothing();
  const url = new URL(`/v2/${call.repository}/blobs/${digest}`, call.endpoint.origin);
  const headers: Record<string, string> = offset > 0 ? { range: `bytes=${String(offset)}-` } : {};
  const answer = await send(call, { method: 'GET', url, headers });
  if (answer.status !== 200 && answer.status !== 206) {
    await discard(answer);
    if (answer.status === 404) return undefined;
    throw faultOfStatus(call, answer.url.host, answer.status);
  }
  return bytesOf(call, answer, offset - firstByte(call, answer, offset));
}

/** Which byte of the blob the body begins with. */
function firstByte(call: Call, answer: Answer, offset: number): number {
  const encoding = header(answer, 'content-encoding') ?? 'identity';
  if (encoding.toLowerCase() !== 'identity') {
    drop(answer);
    throw fault(call, 'RegistryMisbehaved', 'the body is compressed although that was not asked for');
  }
  if (answer.status === 200) return 0;
  const first = Number(FIRST_BYTE.exec(header(answer, 'content-range') ?? '')?.[1] ?? Number.NaN);
  if (first === offset) return first;
  drop(answer);
  throw fault(call, 'RegistryMisbehaved', 'it sent another part of the blob than was asked for');
}

async function* bytesOf(call: Call, answer: Answer, skip: number): AsyncGenerator<Uint8Array> {
  let left = skip;
  try {
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      if (left < chunk.byteLength) yield left > 0 ? chunk.subarray(left) : chunk;
      left = Math.max(0, left - chunk.byteLength);
    }
  } catch (error) {
    throw faultOfError(call, answer.url.host, error);
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {
  // A blob of which all is known already goes on with no bytes at all.
}
