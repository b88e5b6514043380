import type { Digest } from '../../../core/model/index.ts';
import { discard } from '../../io/index.ts';
import { faultOfRefusal, header } from '../answer.ts';
import { send, urlIn, type Answer, type Call } from '../call.ts';
import { fault } from '../fault.ts';
import { placeOf } from '../link.ts';

/** An upload that a registry has begun for us (distribution spec, "Pushing Blobs"). */
export interface Session {
  /** Where the bytes go; opaque, and replaced by each answer that names another. */
  readonly url: URL;
  /** The registry asks for chunks, of at least so many bytes. */
  readonly minChunk?: number;
}

/** Longest time to cancel an upload, in milliseconds: cleaning up must not cost much. */
const CANCEL_TIMEOUT_MS = 2_000;

const UPLOADS = 'blobs/uploads/';

/** Begins an upload. */
export async function beginUpload(call: Call): Promise<Session> {
  const answer = await send(call, { method: 'POST', url: urlIn(call, UPLOADS) });
  if (answer.status !== 202) throw await faultOfRefusal(call, answer);
  await discard(answer);
  return sessionIn(call, answer);
}

/**
 * Asks the registry to take the blob from another of its repositories: `mounted`, or the upload that it began instead, or
 * `undefined` when it wants none of it. `alsoPulls` of the call is the repository to mount from.
 */
export async function mountBlob(
  call: Call & { readonly alsoPulls: string },
  digest: Digest,
): Promise<'mounted' | Session | undefined> {
  const url = urlIn(call, UPLOADS);
  url.search = new URLSearchParams({ mount: digest, from: call.alsoPulls }).toString();
  const answer = await send(call, { method: 'POST', url });
  if (answer.status >= 500 || answer.status === 429) throw await faultOfRefusal(call, answer);
  await discard(answer);
  if (answer.status === 201) return 'mounted';
  return answer.status === 202 ? sessionIn(call, answer) : undefined;
}

/** Where an upload continues, by the headers of an answer. */
export function nextUrl(call: Call, answer: Answer): URL | undefined {
  const location = header(answer, 'location');
  return location === undefined ? undefined : placeOf(call, answer.url, location, 'sends the upload');
}

/** The address that ends an upload. The query is a registry's own and is added to, not written anew. */
export function finishUrl(url: URL, digest: Digest): URL {
  const finish = new URL(url);
  finish.search = `${url.search === '' ? '?' : `${url.search}&`}digest=${encodeURIComponent(digest)}`;
  return finish;
}

/** Cancels an upload that will not be finished. Never throws: it would clean up by itself some day. */
export async function cancelUpload(call: Call, url: URL): Promise<void> {
  const brief = { ...call, signal: AbortSignal.timeout(CANCEL_TIMEOUT_MS) };
  await send(brief, { method: 'DELETE', url }).then(discard, () => undefined);
}

function sessionIn(call: Call, answer: Answer): Session {
  const url = nextUrl(call, answer);
  if (url === undefined) throw fault(call, 'RegistryMisbehaved', 'it begins an upload without a location');
  const minChunk = header(answer, 'oci-chunk-min-length') ?? '';
  return { url, minChunk: /^\d{1,12}$/.test(minChunk) ? Number(minChunk) : undefined };
}
