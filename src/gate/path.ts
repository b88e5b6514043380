import {
  isTag,
  parseDigest,
  parseReference,
  parsed,
  problem,
  type Digest,
  type ImageRef,
  type Parsed,
  type PinnedRef,
} from '../core/model/index.ts';
import type { ErrorCode } from './answer.ts';

/** What a client asks for, with the names as it wrote them, normalised (OCI distribution spec 1.1, "Endpoints", the pull side). */
export type Asked =
  | { readonly kind: 'base' }
  | { readonly kind: 'token' }
  | { readonly kind: 'manifest'; readonly image: ImageRef }
  | { readonly kind: 'blob'; readonly repository: ImageRef; readonly digest: Digest }
  | { readonly kind: 'referrers'; readonly image: PinnedRef; readonly artifactType: string | undefined }
  | { readonly kind: 'tags'; readonly repository: ImageRef; readonly page: TagPage };

/** A part of a list of tags. */
export interface TagPage {
  /** Most tags of it; absent = as many as the gate gives at once. */
  readonly most?: number | undefined;
  /** The list begins behind this tag. */
  readonly after?: string | undefined;
}

/** Why a request is none that the gate answers. */
export interface Wrong {
  readonly code: ErrorCode;
  readonly message: string;
}

/** Longest URL in characters: a name has 255, a digest 135, and `ns`, `artifactType` and `last` have as much again. */
const MAX_URL_LENGTH = 2_048;

/**
 * Reads the URL of a request, as it was sent. `ns` is the registry by the name that containerd knows it by; without it the name
 * begins with the host, or is one of Docker Hub, as Docker asks its mirrors.
 */
export function parseUrl(url: string): Asked | Wrong {
  if (url.length > MAX_URL_LENGTH)
    return wrong('NAME_INVALID', `the URL is longer than ${MAX_URL_LENGTH} characters`);
  const [path, query] = splitOnce(url, '?');
  if (path === '/token') return { kind: 'token' };
  if (path === '/v2/' || path === '/v2') return { kind: 'base' };
  const parts = /^\/v2\/([^?#]+)\/(manifests|blobs|referrers|tags)\/([^/?#]+)$/.exec(withPlainColons(path));
  if (!parts)
    return wrong('UNSUPPORTED', 'the gate answers pulls only: manifests, blobs, referrers and tags/list');
  const [, name = '', what, last = ''] = parts;
  return endpointOf({ name, what, last }, new URLSearchParams(query));
}

/** Clients may encode the colon of a digest or a port; nothing else that a name can have needs it. */
function withPlainColons(path: string): string {
  return path.replaceAll(/%3a/gi, ':');
}

function splitOnce(text: string, mark: string): readonly [string, string] {
  const at = text.indexOf(mark);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

interface Parts {
  readonly name: string;
  readonly what: string | undefined;
  readonly last: string;
}

function endpointOf({ name, what, last }: Parts, query: URLSearchParams): Asked | Wrong {
  const places = query.getAll('ns');
  if (places.length > 1) return wrong('NAME_INVALID', 'the query has more than one ns');
  const full = [...places.filter((place) => place !== ''), name].join('/');
  if (what === 'tags')
    return last === 'list' ? tagsOf(full, query) : wrong('NAME_INVALID', 'tags has only a list');
  const digest = parseDigest(last);
  if (what === 'manifests') return manifestOf(full, last, digest);
  if (digest === undefined) return wrong('DIGEST_INVALID', NO_DIGEST);
  const image = imageOf(full, digest);
  if (!image.ok) return named(image);
  const artifactType = query.get('artifactType') ?? undefined;
  return what === 'blobs'
    ? { kind: 'blob', repository: image.value, digest }
    : { kind: 'referrers', image: image.value, artifactType };
}

const NO_DIGEST = 'the digest is none: sha256 with 64, or sha512 with 128 lower-case hex digits';

function manifestOf(name: string, last: string, digest: Digest | undefined): Asked | Wrong {
  if (digest === undefined && !isTag(last))
    return wrong('MANIFEST_INVALID', 'the reference is no tag and no digest');
  const image = digest === undefined ? parseReference(`${name}:${last}`) : imageOf(name, digest);
  return image.ok ? { kind: 'manifest', image: image.value } : named(image);
}

function tagsOf(name: string, query: URLSearchParams): Asked | Wrong {
  const repository = parseReference(`${name}:latest`);
  if (!repository.ok) return named(repository);
  const [n, after] = [query.get('n'), query.get('last') ?? undefined];
  if (n !== null && !/^\d{1,6}$/.test(n)) return wrong('PAGINATION_NUMBER_INVALID', 'n is no number of tags');
  if (after !== undefined && !isTag(after)) return wrong('PAGINATION_NUMBER_INVALID', 'last is no tag');
  return {
    kind: 'tags',
    repository: repository.value,
    page: { most: n === null ? undefined : Number(n), after },
  };
}

/** A tag in the name is not what a registry would read there. */
function imageOf(name: string, digest: Digest): Parsed<PinnedRef> {
  const image = parseReference(`${name}@${digest}`);
  if (!image.ok) return image;
  const { tag, registry, repository } = image.value;
  return tag === undefined ? parsed({ registry, repository, digest }) : problem('', 'has a tag');
}

function named(image: Extract<Parsed<unknown>, { ok: false }>): Wrong {
  return wrong('NAME_INVALID', `the name ${image.problems[0]?.message ?? 'is not valid'}`);
}

function wrong(code: ErrorCode, message: string): Wrong {
  return { code, message };
}
