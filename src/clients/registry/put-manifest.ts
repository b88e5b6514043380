import { MAX_MANIFEST_BYTES } from '../../core/model/index.ts';
import type { Call } from './call.ts';
import { discard, type Answer } from './exchange.ts';
import { fault } from './fault.ts';
import { manifestUrl } from './manifest.ts';
import { faultOfRefusal } from './refusal.ts';
import type { Send } from './transport.ts';

/** Sends a manifest as it is; the answer is read. Throws a Fault for anything but success. */
export async function putManifest(
  send: Send,
  call: Call,
  {
    name,
    bytes,
    mediaType,
  }: { readonly name: string; readonly bytes: Uint8Array; readonly mediaType: string },
): Promise<Answer> {
  if (bytes.byteLength > MAX_MANIFEST_BYTES) {
    throw fault(
      call,
      'LimitExceeded',
      `it has ${String(bytes.byteLength)} bytes, and registries take ${String(MAX_MANIFEST_BYTES)}`,
    );
  }
  const headers = { 'content-type': mediaType };
  const answer = await send(call, { method: 'PUT', url: manifestUrl(call, name), headers, body: bytes });
  if (answer.status < 200 || answer.status > 204) throw await faultOfRefusal(call, answer);
  await discard(answer);
  return answer;
}
