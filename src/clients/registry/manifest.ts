import {
  ARTIFACT_MANIFESTS,
  digestAlgorithm,
  digestOf,
  Fault,
  MAX_MANIFEST_BYTES,
  MEDIA_TYPE,
  parseDigest,
} from '../../core/model/index.ts';
import type { AnnotationKeys, Digest, ImageRef, ManifestContent } from '../../core/model/index.ts';
import type { Deletion } from '../../core/promotion/index.ts';
import { discard } from '../http/index.ts';
import {
  contentType,
  drop,
  faultOfRefusal,
  header,
  isAbsent,
  isDone,
  parseAnswer,
  readBody,
} from './answer.ts';
import { send, urlIn, type Answer, type Call } from './call.ts';
import { fault, faultOfStatus, misbehaved } from './fault.ts';
import { readTags } from './tags.ts';

/** The raw bytes of a manifest with what names them; the digest is computed and agrees with all that was claimed. */
export interface RawManifest {
  readonly bytes: Uint8Array;
  readonly digest: Digest;
  readonly contentType: string | undefined;
}

/** All that can be read. Some registries answer 404 to a client that leaves out the type they hold. */
const { ociIndex, ociManifest, dockerIndex, dockerManifest } = MEDIA_TYPE;
const ACCEPTED = [ociIndex, ociManifest, dockerIndex, dockerManifest];
const ACCEPT = { accept: ACCEPTED.join(', ') };
const ACCEPT_REFERRER = { accept: [...ACCEPTED, ...ARTIFACT_MANIFESTS].join(', ') };

/** Reads the manifest a reference names, with its bytes; `undefined` for a plain 404. `keys` = the annotations to keep. */
export async function readContent(
  call: Call,
  ref: ImageRef,
  as: { readonly keys?: AnnotationKeys | undefined; readonly isReferrer?: boolean } = {},
): Promise<ManifestContent | undefined> {
  const raw = await readRawManifest(call, nameIn(ref), as.isReferrer ? ACCEPT_REFERRER : ACCEPT);
  if (raw === undefined) return undefined;
  return { manifest: await parseAnswer(call, 'manifest', { ...raw, ...as }), bytes: raw.bytes };
}

/** Reads a manifest's bytes by tag or digest, at most {@link MAX_MANIFEST_BYTES} of them; `undefined` for a plain 404. */
export async function readRawManifest(
  call: Call,
  name: string,
  headers = ACCEPT,
): Promise<RawManifest | undefined> {
  const answer = await send(call, { method: 'GET', url: manifestUrl(call, name), headers });
  if (await isMissing(call, name, answer)) return undefined;
  const claimed = claimedDigest(call, answer);
  const bytes = await readBody(call, answer, MAX_MANIFEST_BYTES);
  const asked = parseDigest(name);
  const digest = digestOf(bytes, digestAlgorithm(asked ?? claimed ?? 'sha256:'));
  if (asked !== undefined && digest !== asked)
    throw misbehaved(call, 'the bytes are not those that the digest names');
  if (claimed !== undefined && claimed !== digest && digestOf(bytes, digestAlgorithm(claimed)) !== claimed)
    throw misbehaved(call, 'Docker-Content-Digest is not the digest of the bytes');
  return { bytes, digest, contentType: contentType(answer) };
}

/**
 * The digest behind a tag by HEAD; by reading the manifest where the header is missing. What a HEAD claims is good enough
 * to go and fetch by: the bytes are compared with it then.
 */
export async function readTagDigest(call: Call, ref: ImageRef): Promise<Digest | undefined> {
  const name = nameIn(ref);
  const answer = await send(call, { method: 'HEAD', url: manifestUrl(call, name), headers: ACCEPT });
  if (await isMissing(call, name, answer)) return undefined;
  const claimed = claimedDigest(call, answer);
  await discard(answer);
  const asked = parseDigest(name);
  if (asked !== undefined && claimed !== undefined && asked !== claimed)
    throw misbehaved(call, 'Docker-Content-Digest is not the digest asked for');
  return claimed ?? (await readRawManifest(call, name))?.digest;
}

/**
 * Whether there is no such manifest. Some registries answer 403 for a tag that is not there (Artifactory): it is absent only if the
 * list of tags, read with the same login, is without it. What that list does not settle stays a Fault.
 */
async function isMissing(call: Call, name: string, answer: Answer): Promise<boolean> {
  if (answer.status !== 403 || parseDigest(name) !== undefined) return isAbsent(call, answer);
  await discard(answer);
  const tags = await readTags(call).catch((error: unknown) => {
    if (!(error instanceof Fault)) throw error;
  });
  if (tags === undefined || tags.includes(name)) throw faultOfStatus(call, answer);
  return true;
}

/** Sends a manifest as it is; the answer is read. Throws a Fault for anything but success. */
export async function putManifest(call: Call, name: string, type: string, body: Uint8Array): Promise<Answer> {
  const size = body.byteLength;
  if (size > MAX_MANIFEST_BYTES)
    throw fault(call, 'LimitExceeded', `it has ${size} bytes, and registries take ${MAX_MANIFEST_BYTES}`);
  const headers = { 'content-type': type };
  const answer = await send(call, { method: 'PUT', url: manifestUrl(call, name), headers, body });
  if (!isDone(answer)) throw await faultOfRefusal(call, answer);
  await discard(answer);
  return answer;
}

/** Statuses by which registries say that they do not delete this way: bad request, method, conflict with a rule, unknown. */
const REFUSALS: ReadonlySet<number> = new Set([400, 405, 501]);

/** Deletes what a tag or digest names. A digest takes all its tags along; a tag is asked for by name, never by its digest. */
export async function deleteNamed(call: Call, name: string): Promise<Deletion> {
  const answer = await send(call, { method: 'DELETE', url: manifestUrl(call, name) });
  const deleted = isDone(answer);
  if (!deleted && answer.status !== 404 && !REFUSALS.has(answer.status))
    throw await faultOfRefusal(call, answer);
  await discard(answer);
  if (deleted) return 'deleted';
  return answer.status === 404 ? 'absent' : 'refused';
}

function nameIn(ref: ImageRef): string {
  return ref.digest ?? ref.tag ?? 'latest';
}

function manifestUrl(call: Call, name: string): URL {
  return urlIn(call, `manifests/${name}`);
}

function claimedDigest(call: Call, answer: Answer): Digest | undefined {
  const claim = header(answer, 'docker-content-digest');
  if (claim === undefined || claim === '') return undefined;
  const digest = parseDigest(claim);
  if (digest !== undefined) return digest;
  drop(answer);
  throw misbehaved(call, 'Docker-Content-Digest is not a digest');
}
