import { LRUCache } from 'lru-cache';
import { Fault, formatReference, isPinned, nameOf, pin } from '../core/model/index.ts';
import type {
  Descriptor,
  Digest,
  ImageRef,
  Manifest,
  ManifestContent,
  PinnedRef,
} from '../core/model/index.ts';
import { errorAnswer, redirectTo } from './answer.ts';
import { inTime, partOf, provenBytes } from './blob.ts';
import { createContents } from './contents.ts';
import { referrersAnswer, tagsAnswer } from './lists.ts';
import { missAnswers } from './missing/answer.ts';
import type { AskForMissing } from './missing/ask.ts';
import type { Asked } from './path.ts';
import type { Caller, GatePorts, GateRules, Part, Upstream } from './ports.ts';
import { absent, faultOutcome, plain, reasonOf, refusalOf, warningsOf, type Outcome } from './refusal.ts';
import { keptBytes, storedBytes } from './stored.ts';
import { bestOf, createPullJudge, subjectOfTag, type Admission, type Pull } from './verdict.ts';
import { createWalk, learnFrom } from './walk.ts';

/** How something is asked for. */
export interface Asking {
  readonly caller: Caller;
  readonly isHead: boolean;
  /** The `Range` header. */
  readonly range: string | undefined;
  /** Fires when no answer can be begun any more. */
  readonly deadline: AbortSignal;
  /** Fires when the client has gone. */
  readonly clientGone: AbortSignal;
}

/** What is asked for about images. */
type AskedImage = Exclude<Asked, { kind: 'base' | 'token' }>;

/** A request with where it leads. */
interface Request extends Pull, Pick<Asking, 'range' | 'isHead' | 'clientGone'> {
  readonly upstream: Upstream;
}

/** An image as far as it is judged, with its content where that was read for it. */
interface Judged {
  readonly admission: Admission;
  readonly content?: ManifestContent | undefined;
}

/** Bytes of manifests that are kept, and milliseconds for how long: a pull asks for each by HEAD and by GET. */
const KEPT_BYTES = 32 * 1024 * 1024;
const KEPT_MS = 30_000;
/** Milliseconds to read one manifest, for all who wait for it: less than they have. */
const READ_MS = 20_000;

/** Answers what is asked for about images. Rejects with the Fault of a registry that fails. */
export function createPuller(
  ports: GatePorts & { readonly rules: GateRules; readonly onMissing?: AskForMissing | undefined },
): (asked: AskedImage, asking: Asking) => Promise<Outcome> {
  const { rules, upstreams } = ports;
  const contents = createContents();
  const judge = createPullJudge(ports, rules, contents);
  const walk = createWalk(contents);
  const { missing, refused } = missAnswers(ports.onMissing);
  const kept = new LRUCache<string, ManifestContent>({
    ...{ maxSize: KEPT_BYTES, ttl: KEPT_MS },
    sizeCalculation: ({ bytes }) => 512 + bytes.byteLength,
  });

  const underway = new Map<string, Promise<ManifestContent | undefined>>();

  /** The content of a manifest; who asks for it at the same time with the same logins shares the answer, and its time limit. */
  const read = (
    ref: ImageRef,
    { reader: { registry, scope } }: Pull,
  ): Promise<ManifestContent | undefined> => {
    const keyOf = (digest = ''): string => `${scope} ${nameOf(ref)} ${digest}`;
    const key = ref.digest === undefined ? `${keyOf()}${ref.tag ?? ''}` : keyOf(ref.digest);
    const known = kept.get(key);
    if (known) return Promise.resolve(known);
    const running =
      underway.get(key) ??
      registry.content(ref, AbortSignal.timeout(READ_MS)).then((content) => {
        if (content) kept.set(keyOf(content.manifest.digest), content);
        return content;
      });
    underway.set(key, running);
    const end = () => underway.get(key) === running && underway.delete(key);
    running.then(end, end);
    return running;
  };

  /** What may be a platform of an index that was not read since the gate started is looked for first. */
  const judgeDigest = async (image: PinnedRef, pull: Pull, manifest?: Manifest): Promise<Admission> => {
    const isIndex = manifest && manifest.manifests.length > 0;
    if (!isIndex && contents.listings(image, image.digest).length === 0) await walk(image, pull.reader);
    return judge.digest(image, pull);
  };

  /** Judges by what is read first: a digest, or a tag of what is about another image. */
  const judgeContent = async (ref: ImageRef, about: Digest | undefined, pull: Pull): Promise<Judged> => {
    const content = await read(ref, pull);
    if (!content) return { admission: { kind: 'absent' } };
    const { manifest } = content;
    const image = pin({ registry: ref.registry, repository: ref.repository }, manifest.digest);
    learnFrom(contents, { ...image, ...(ref.tag !== undefined && { tag: ref.tag }) }, manifest);
    // A list of signatures is no image: what it lists is judged when it is asked for.
    const isList = about !== undefined && manifest.manifests.length > 0;
    const admission = await (isList
      ? judge.digest(pin(image, about), pull)
      : judgeDigest(image, pull, manifest));
    return { admission, content };
  };

  const judgeManifest = (ref: ImageRef, pull: Pull): Promise<Judged> => {
    const about = subjectOfTag(ref.tag);
    if (isPinned(ref) || about !== undefined) return judgeContent(ref, about, pull);
    return judge.tag(ref, pull).then((admission) => ({ admission }));
  };

  const manifestFor = async (asked: ImageRef, request: Request): Promise<Outcome> => {
    const ref = request.upstream.rewrite(asked);
    const { admission, content: first } = await judgeManifest(ref, request);
    if (admission.kind === 'absent') return missing(asked, ref, request);
    if (admission.kind !== 'admitted' && !rules.dryRun) return refused(admission, asked, ref, request);
    const { judged } = admission;
    // What was admitted by its digest is read by that: the tag may have moved since.
    const { digest } = admission.kind === 'admitted' ? admission : (judged.reference ?? ref);
    const content = first ?? (await read(digest === undefined ? ref : pin(ref, digest), request));
    if (!content) return missing(asked, ref, request);
    const { manifest, bytes } = content;
    if (!first) learnFrom(contents, ref, manifest);
    const headers = {
      'Content-Type': manifest.mediaType,
      'Content-Length': String(bytes.byteLength),
      'Docker-Content-Digest': manifest.digest,
      ...warningsOf(judged),
    };
    const about = { digest: manifest.digest, verdict: judged.verdict.kind, reason: reasonOf(judged) };
    return { answer: { status: 200, headers, body: bytes }, about };
  };

  const blobFor = async (asked: PinnedRef, request: Request): Promise<Outcome> => {
    const image = pin(request.upstream.rewrite(asked), asked.digest);
    const parts = () => contents.listings(image, image.digest).filter(({ role }) => role === 'part');
    if (parts().length === 0) await walk(image, request.reader);
    const best = await bestOf(parts(), ({ by }) => judgeDigest(pin(image, by), request));
    if (best?.admission.kind === 'admitted' || (best && rules.dryRun))
      return blobAnswer(image, best.way.descriptor, request, ports);
    return !best || best.admission.kind === 'absent'
      ? plain(errorAnswer('BLOB_UNKNOWN', NOT_LISTED))
      : refusalOf(best.admission, asked);
  };

  const tagsFor = async ({ repository, page }: Extract<AskedImage, { kind: 'tags' }>, request: Request) => {
    const { registry, repository: path } = request.upstream.rewrite(repository);
    const place = { registry, repository: path };
    const all = await request.reader.registry.tags(place, request.signal);
    if (!all) return plain(errorAnswer('NAME_UNKNOWN', `the registry has no ${nameOf(repository)}`));
    const judgeTag = (tag: string) =>
      judgeManifest({ ...place, tag }, request).then(({ admission }) => admission);
    const isHiding = rules.refusedTags === 'Hidden' && !rules.dryRun;
    return tagsAnswer(all, { name: nameOf(repository), page, judge: isHiding ? judgeTag : undefined });
  };

  const referrersFor = async (
    { image, artifactType }: Extract<AskedImage, { kind: 'referrers' }>,
    request: Request,
  ): Promise<Outcome> => {
    const real = pin(request.upstream.rewrite(image), image.digest);
    const admission = await judgeDigest(real, request);
    // The spec has an empty list for an image that is not there.
    if (admission.kind === 'absent') return referrersAnswer([], artifactType);
    if (admission.kind !== 'admitted' && !rules.dryRun) return refusalOf(admission, image);
    return referrersAnswer(await request.reader.registry.referrers(real, request.signal), artifactType);
  };

  const answerTo = (asked: AskedImage, request: Request): Promise<Outcome> => {
    switch (asked.kind) {
      case 'manifest':
        return manifestFor(asked.image, request);
      case 'blob':
        return blobFor(pin(asked.repository, asked.digest), request);
      case 'tags':
        return tagsFor(asked, request);
      case 'referrers':
        return referrersFor(asked, request);
    }
  };

  return async (asked, { caller, deadline, ...rest }) => {
    const named = 'image' in asked ? asked.image : asked.repository;
    const name = nameOf(named);
    const about = {
      caller: caller.name,
      callerKind: caller.kind,
      image: asked.kind === 'tags' ? name : formatReference(named),
      kind: asked.kind,
    };
    const upstream = upstreams.find(({ covers }) => covers(name));
    if (!upstream)
      return { answer: errorAnswer('NAME_UNKNOWN', `no upstream of the gate covers ${name}`), about };
    const request = {
      ...rest,
      caller,
      upstream,
      reader: upstream.readerFor(caller, named),
      askedName: name,
      signal: deadline,
    };
    const outcome = await answerTo(asked, request).catch((error: unknown) => {
      if (error instanceof Fault) return faultOutcome(error);
      throw error;
    });
    return { ...outcome, about: { ...about, ...outcome.about } };
  };
}

const NOT_LISTED =
  'no manifest that this gate has handed out lists this blob: pull the image by its tag or digest first';

/** What blobs are read with, besides the logins of a request. */
type BlobSources = Pick<GatePorts, 'store'> & { readonly rules: GateRules };

/** A blob, whole or in part, proven on the way where it is whole. */
async function blobAnswer(
  image: PinnedRef,
  { size, mediaType }: Pick<Descriptor, 'size' | 'mediaType'>,
  request: Request,
  sources: BlobSources,
): Promise<Outcome> {
  const { digest } = image;
  const part = partOf(request.range, size);
  if (!part)
    return plain(
      errorAnswer('RANGE_INVALID', `the blob has ${String(size)} bytes`, {
        headers: { 'Content-Range': `bytes */${String(size)}` },
      }),
    );
  const { start, end } = part;
  const isWhole = start === 0 && end === size;
  const headers = {
    'Content-Type': 'application/octet-stream',
    'Content-Length': String(end - start),
    'Docker-Content-Digest': digest,
    'Accept-Ranges': 'bytes',
    ...(!isWhole && { 'Content-Range': `bytes ${String(start)}-${String(end - 1)}/${String(size)}` }),
  };
  const blob = { mediaType, digest, size, annotations: {} };
  const body = await bodyOf(image, { blob, part }, request, sources);
  if (!body) return absent('BLOB_UNKNOWN', image);
  const answer =
    body instanceof URL
      ? redirectTo(body, digest)
      : { status: isWhole ? 200 : 206, headers, ...(body !== 'none' && { body }) };
  return { about: { digest }, answer };
}

/** A part of a blob that is asked for. */
interface AskedPart {
  readonly blob: Descriptor;
  readonly part: Part;
}

/** Its bytes, from the store or the upstream, or the place that the client is sent to; none for a HEAD. `undefined` = it is not there. */
async function bodyOf(
  image: PinnedRef,
  { blob, part }: AskedPart,
  request: Request,
  sources: BlobSources,
): Promise<AsyncIterable<Uint8Array> | URL | 'none' | undefined> {
  const { reader, isHead, signal } = request;
  const store = !isHead && (await sources.store?.has(blob, part)) ? sources.store : undefined;
  // A stored blob says nothing about who may read it: the upstream is asked each time, with the logins of this request.
  const isAsked = isHead || store !== undefined;
  if (isAsked && !(await reader.registry.hasBlob(image, blob.digest, signal))) return undefined;
  if (isHead) return 'none';
  return (
    (store && (await storedBytes(store, blob, part))) ?? upstreamBody(image, { blob, part }, request, sources)
  );
}

async function upstreamBody(
  image: PinnedRef,
  { blob, part }: AskedPart,
  { reader: { registry }, signal, clientGone }: Request,
  { rules: { redirects }, store }: BlobSources,
): Promise<AsyncIterable<Uint8Array> | URL | undefined> {
  const bytes = await inTime(signal, (late) => {
    const end = AbortSignal.any([clientGone, late]);
    return redirects === 'Pass'
      ? registry.openBlobOrPlace(image, blob, part.start, end)
      : registry.openBlob(image, blob, part.start, end);
  });
  if (!bytes || bytes instanceof URL) return bytes;
  const proven = provenBytes(bytes, blob, part, () => registry.refute?.(image, blob));
  return store ? keptBytes(store, blob, part, proven) : proven;
}
