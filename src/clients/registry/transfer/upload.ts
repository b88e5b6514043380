import type { Descriptor, Digest, Fault } from '../../../core/model/index.ts';
import { discard } from '../../http/index.ts';
import { compareDigests, faultOfRefusal, header, isDone } from '../answer.ts';
import { hasBlob } from '../blob.ts';
import { send, urlIn, type Answer, type Ask, type Call } from '../call.ts';
import { fault, misbehaved, mayPass } from '../fault.ts';
import { placeOf } from '../link.ts';
import { pause } from '../pause.ts';
import type { Feed } from './feed.ts';

/** One blob on its way into one upload. */
export interface Upload {
  readonly call: Call;
  readonly blob: Descriptor;
  readonly feed: Feed;
  /** Bytes of one chunk, where it goes in chunks. */
  readonly chunkBytes: number;
}

interface Progress {
  readonly url: URL;
  /** Bytes the registry has, as far as is known; the next one is sent from here. */
  readonly offset: number;
}

/** Most times one upload is taken up again after it failed. */
const MAX_RECOVERIES = 4;
/** The first pause before it is taken up again, in milliseconds; each further one is twice as long. */
const FIRST_RECOVERY_MS = 100;
/** Refusals of the whole that parts of it may escape: too large at once, out of step, lost, or an accident. */
const PASSING: ReadonlySet<number> = new Set([404, 408, 413, 416, 429]);
/** No room: parts need as much of it as the whole. */
const NO_ROOM = 507;

/**
 * Brings the bytes into the upload: all at once, or in chunks where the registry asks for that or the whole has failed. When
 * it cannot be done the upload is cancelled, and thrown is the Fault of whichever side is to blame.
 */
export async function uploadBlob(upload: Upload, session: Session): Promise<void> {
  const { call, blob } = upload;
  const chunk = Math.max(session.minChunk ?? 0, upload.chunkBytes);
  const whole = session.minChunk === undefined || blob.size <= session.minChunk;
  let progress: Progress = { url: session.url, offset: 0 };
  try {
    let failure = await (whole ? tryWhole(upload, session.url) : tryChunks(upload, progress, chunk));
    for (let recovery = 0; failure !== undefined; recovery += 1) {
      if (recovery === MAX_RECOVERIES) throw failure.fault;
      await pause(call, FIRST_RECOVERY_MS * 2 ** recovery);
      const found = await takeUp(upload, failure).catch((error: unknown) => {
        if (!mayPass(call, error)) throw error;
      });
      if (found === 'there already') return;
      if (found === undefined) continue;
      progress = found;
      failure = await tryChunks(upload, progress, chunk);
    }
  } catch (error) {
    await cancelUpload(call, progress.url);
    throw error;
  }
}

/** A failure of the target that may pass, and where things stood. */
interface UploadFailure {
  readonly fault: Fault;
  readonly tried: Progress;
  /** Bytes that the registry has confirmed by a good answer. */
  readonly confirmed: number;
  /** Bytes that it may have at the most. */
  readonly offered: number;
  readonly status: number | undefined;
}

type Failed = Pick<UploadFailure, 'fault' | 'status'>;

async function tryWhole(upload: Upload, url: URL): Promise<UploadFailure | undefined> {
  const { call, blob } = upload;
  const put = { method: 'PUT', url: finishUrl(url, blob.digest), ...bodyOf(upload, 0, blob.size) } as const;
  const result = await attempt(upload, async () => arrived(upload, await send(call, put)));
  return result && { ...result, tried: { url, offset: 0 }, confirmed: 0, offered: blob.size };
}

async function tryChunks(upload: Upload, from: Progress, chunk: number): Promise<UploadFailure | undefined> {
  const { call, blob } = upload;
  let { url, offset } = from;
  while (offset < blob.size) {
    const end = Math.min(blob.size, offset + chunk);
    const body = bodyOf(upload, offset, end);
    const headers = { ...body.headers, 'content-range': `${offset}-${end - 1}` };
    const tried = { url, offset };
    const result = await attempt(upload, async () => {
      const answer = await send(call, { method: 'PATCH', url: tried.url, ...body, headers });
      if (!isDone(answer)) return answer;
      await discard(answer);
      url = nextUrl(call, answer) ?? tried.url;
      return undefined;
    });
    if (result) return { ...result, tried, confirmed: offset, offered: end };
    offset = end; // our own count: the Range of some registries stands still after the first chunk
  }
  const put = { method: 'PUT', url: finishUrl(url, blob.digest), body: new Uint8Array() } as const;
  const result = await attempt(upload, async () => arrived(upload, await send(call, put)));
  return result && { ...result, tried: { url, offset }, confirmed: offset, offered: offset };
}

/** Whether the blob is there now; else the answer that denies it. */
async function arrived({ call, blob }: Upload, answer: Answer): Promise<Answer | undefined> {
  if (!isDone(answer)) return answer;
  await discard(answer);
  compareDigests(call, answer, 'blob', blob.digest);
  if (answer.status === 201 || (await hasBlob(call, blob))) return undefined;
  throw misbehaved(call, 'it took the blob and does not have it');
}

/** Runs one request of an upload; `undefined` when it went well, thrown when nothing is to be tried again. */
async function attempt(
  upload: Upload,
  request: () => Promise<Answer | undefined>,
): Promise<Failed | undefined> {
  const { call, feed } = upload;
  let answer: Answer | undefined;
  try {
    answer = await request();
  } catch (error) {
    if (feed.failure() !== undefined) throw feed.failure();
    if (!mayPass(call, error)) throw error;
    return { fault: error, status: undefined };
  }
  if (answer === undefined) return undefined;
  const refusal = await faultOfRefusal(call, answer);
  if (!mayPassLater(answer.status)) throw refusal;
  return { fault: refusal, status: answer.status };
}

function mayPassLater(status: number): boolean {
  return PASSING.has(status) || (status >= 500 && status !== NO_ROOM);
}

/** Finds out from where an upload can go on, or begins another one. */
async function takeUp(upload: Upload, failure: UploadFailure): Promise<Progress | 'there already'> {
  const { call, blob } = upload;
  const { tried, confirmed, offered, status } = failure;
  // The answer may have got lost after everything had arrived.
  if (offered === blob.size && status === undefined && (await hasBlob(call, blob))) return 'there already';
  const reported = await statusOf(upload, tried.url);
  if (reported === undefined || reported.offset > offered)
    return { url: (await beginUpload(call)).url, offset: 0 };
  // Out of step although it reports its offset: it does not know, and we do.
  const stuck = status === 416 && reported.offset === tried.offset;
  return stuck ? { url: reported.url, offset: confirmed } : reported;
}

async function statusOf({ call }: Upload, url: URL): Promise<Progress | undefined> {
  const answer = await send(call, { method: 'GET', url });
  await discard(answer);
  if (!isDone(answer)) return undefined;
  const last = /^(?:bytes[ =])?0-(\d{1,16})$/.exec(header(answer, 'range') ?? '')?.[1];
  if (last === undefined) return undefined;
  // `0-0` is written for nothing at all as well as for one byte; one byte is not worth the difference.
  const offset = Number(last) === 0 ? 0 : Number(last) + 1;
  return { url: nextUrl(call, answer) ?? url, offset };
}

function bodyOf({ feed }: Upload, start: number, end: number): Required<Pick<Ask, 'headers' | 'body'>> {
  return {
    headers: { 'content-type': 'application/octet-stream' },
    body: { length: end - start, open: () => feed.read(start, end) },
  };
}

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

export async function beginUpload(call: Call): Promise<Session> {
  const answer = await send(call, { method: 'POST', url: urlIn(call, UPLOADS) });
  if (answer.status !== 202) throw await faultOfRefusal(call, answer);
  await discard(answer);
  return sessionIn(call, answer);
}

type Mounted = 'mounted' | Session | undefined;

/**
 * Asks the registry to take the blob from another of its repositories: `mounted`, or the upload that it began instead, or
 * `undefined` when it wants none of it. `alsoPulls` is the repository to mount from.
 */
export async function mountBlob(call: Call, alsoPulls: string, digest: Digest): Promise<Mounted> {
  const url = urlIn(call, UPLOADS);
  url.search = new URLSearchParams({ mount: digest, from: alsoPulls }).toString();
  const answer = await send({ ...call, alsoPulls }, { method: 'POST', url });
  await discard(answer);
  if (answer.status === 201) return 'mounted';
  return answer.status === 202 ? sessionIn(call, answer) : undefined;
}

/** Where an upload continues, by the headers of an answer. */
function nextUrl(call: Call, answer: Answer): URL | undefined {
  const location = header(answer, 'location');
  if (location === undefined) return undefined;
  const place = placeOf(call, answer.url, location, 'sends the upload');
  // Only the registry sends it to other hosts: an address is judged by the host that sends us there.
  if ([call.endpoint.hostname, answer.url.hostname].includes(place.hostname) || isOwn(call, answer))
    return place;
  throw fault(call, 'UntrustedEndpoint', `${answer.url.host} sends the upload on to ${place.host}`);
}

function isOwn({ endpoint }: Call, { url }: Answer): boolean {
  return url.hostname === endpoint.hostname;
}

/** The address that ends an upload. The query is a registry's own and is added to, not written anew. */
function finishUrl(url: URL, digest: Digest): URL {
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
  if (url === undefined) throw misbehaved(call, 'it begins an upload without a location');
  const minChunk = header(answer, 'oci-chunk-min-length') ?? '';
  return { url, minChunk: /^\d{1,12}$/.test(minChunk) ? Number(minChunk) : undefined };
}
