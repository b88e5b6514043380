import { Readable } from 'node:stream';
import { matchesDigest, type Descriptor } from '../../core/model/index.ts';
import { discard } from '../http/index.ts';
import { collectAfter } from '../io/index.ts';
import { drop, faultOfRefusal, header, isAbsent, readBody, refuseCompressed } from './answer.ts';
import { send, urlIn, type Answer, type Ask, type Call } from './call.ts';
import { fault, faultOfError, misbehaved } from './fault.ts';
import { refuseOtherContent } from './transfer/fit.ts';

/** Reads a blob whole and checks size and digest; `undefined` for a plain 404. One larger than `maxBytes` is not asked for. */
export async function readBlob(
  call: Call,
  { digest, size }: Pick<Descriptor, 'digest' | 'size'>,
  maxBytes: number,
): Promise<Uint8Array | undefined> {
  if (size > maxBytes)
    throw fault(call, 'LimitExceeded', `it has ${size} bytes, and at most ${maxBytes} are read`);
  const answer = await send(call, { method: 'GET', url: urlIn(call, `blobs/${digest}`) });
  if (await isAbsent(call, answer)) return undefined;
  const bytes = await readBody(call, answer, maxBytes);
  if (bytes.byteLength !== size) throw misbehaved(call, 'the size of the blob is not that of its descriptor');
  if (!matchesDigest(bytes, digest)) throw misbehaved(call, 'the bytes are not those that the digest names');
  return bytes;
}

const FIRST_BYTE = /^bytes\s+(\d{1,16})-/;

/**
 * Opens a blob from `offset` on; `undefined` for a plain 404, and for one with `urls` what the first of those has. A registry that sends all of it where a part was asked for is
 * read past what is known already. Nothing is checked but where it begins: the taker knows size and digest.
 */
export async function openBlob(
  call: Call,
  blob: Pick<Descriptor, 'digest' | 'size' | 'mediaType' | 'urls'>,
  offset: number,
): Promise<AsyncIterable<Uint8Array> | undefined> {
  const { digest, size, urls = [] } = blob;
  if (offset > 0 && offset >= size) return Readable.from([]); // all of it is known already
  const opened = await openAt(call, { url: urlIn(call, `blobs/${digest}`) }, blob, offset);
  if (opened || urls.length === 0) return opened;
  const { openForeign } = await import('./foreign.ts');
  return openForeign(call, urls, (ask) => openAt(call, ask, blob, offset));
}

/**
 * The same of the registry alone; or, where it sends the caller to a host to which anyone may be sent, that address: public or
 * named by an administrator, without a login, and over https wherever the registry is.
 */
export async function openBlobOrPlace(
  call: Call,
  blob: Pick<Descriptor, 'digest' | 'size' | 'mediaType'>,
  offset: number,
): Promise<AsyncIterable<Uint8Array> | URL | undefined> {
  const answer = await askAt(call, { url: urlIn(call, `blobs/${blob.digest}`), passesOn: true }, offset);
  return answer.passedOn ?? read(call, answer, blob, offset);
}

function askAt(
  call: Call,
  where: Pick<Ask, 'url' | 'isForeign' | 'passesOn'>,
  offset: number,
): Promise<Answer> {
  const headers: Record<string, string> = offset > 0 ? { range: `bytes=${offset}-` } : {};
  return send(call, { ...where, method: 'GET', headers });
}

async function openAt(
  call: Call,
  where: Pick<Ask, 'url' | 'isForeign'>,
  blob: Pick<Descriptor, 'size' | 'mediaType'>,
  offset: number,
): Promise<AsyncIterable<Uint8Array> | undefined> {
  return read(call, await askAt(call, where, offset), blob, offset);
}

async function read(
  call: Call,
  answer: Answer,
  blob: Pick<Descriptor, 'size' | 'mediaType'>,
  offset: number,
): Promise<AsyncIterable<Uint8Array> | undefined> {
  if (await isAbsent(call, answer, [200, 206])) return undefined;
  const skipped = offset - firstByte(call, answer, offset);
  refuseOtherContent(call, answer, blob, offset);
  return bytesOf(call, answer, skipped);
}

function firstByte(call: Call, answer: Answer, offset: number): number {
  refuseCompressed(call, answer);
  if (answer.status === 200) return 0;
  const first = Number(FIRST_BYTE.exec(header(answer, 'content-range') ?? '')?.[1] ?? Number.NaN);
  if (first === offset) return first;
  drop(answer);
  throw misbehaved(call, 'it sent another part of the blob than was asked for');
}

async function* bytesOf(call: Call, answer: Answer, skip: number): AsyncGenerator<Uint8Array> {
  let left = skip;
  try {
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      if (left < chunk.byteLength) yield left > 0 ? chunk.subarray(left) : chunk;
      left = Math.max(0, left - chunk.byteLength);
      collectAfter(chunk.byteLength);
    }
  } catch (error) {
    throw faultOfError(call, answer.url.host, error);
  }
}

export async function hasBlob(call: Call, { digest }: Pick<Descriptor, 'digest'>): Promise<boolean> {
  const answer = await send(call, { method: 'HEAD', url: urlIn(call, `blobs/${digest}`) });
  await discard(answer);
  if (answer.status === 200) return true;
  if (answer.status === 404) return false;
  throw await faultOfRefusal(call, answer);
}
