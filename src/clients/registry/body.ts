import { parseJson } from '../../core/model/index.ts';
import type { Call } from './call.ts';
import { discard, drop, header, type Answer } from './exchange.ts';
import { fault, faultOfError, faultOfStatus } from './fault.ts';

/** Whether the answer is a plain 404, whose body is discarded. Any other status that is not in `good` is a Fault. */
export async function isAbsent(
  call: Call,
  answer: Answer,
  good: readonly number[] = [200],
): Promise<boolean> {
  if (good.includes(answer.status)) return false;
  await discard(answer);
  if (answer.status === 404) return true;
  throw faultOfStatus(call, answer.url.host, answer.status);
}

/** Refuses a compressed body: none was asked for, and a small one may unpack to anything. */
export function refuseCompressed(call: Call, answer: Answer): void {
  if ((header(answer, 'content-encoding') ?? 'identity').toLowerCase() === 'identity') return;
  drop(answer);
  throw fault(call, 'RegistryMisbehaved', 'the body is compressed although that was not asked for');
}

/**
 * Reads a body whole, never holding more than `maxBytes` of it: a longer one is a Fault `LimitExceeded`, whatever
 * `Content-Length` said. A compressed body is refused, since none was asked for and a small one may unpack to anything
 * (CVE-2023-46737 is the unbounded read).
 */
export async function readBody(call: Call, answer: Answer, maxBytes: number): Promise<Uint8Array> {
  refuseCompressed(call, answer);
  const tooLong = (): Error =>
    fault(call, 'LimitExceeded', `the answer is longer than ${String(maxBytes)} bytes`);
  if (Number(header(answer, 'content-length') ?? 0) > maxBytes) {
    drop(answer);
    throw tooLong();
  }
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      size += chunk.byteLength;
      if (size > maxBytes) throw tooLong(); // leaving the loop destroys the body and its connection
      chunks.push(chunk);
    }
  } catch (error) {
    throw faultOfError(call, answer.url.host, error);
  }
  return Buffer.concat(chunks);
}

/** Reads a body as JSON; `undefined` when it is none (`null` is JSON). */
export async function readJson(call: Call, answer: Answer, maxBytes: number): Promise<unknown> {
  return parseJson(await readBody(call, answer, maxBytes));
}
