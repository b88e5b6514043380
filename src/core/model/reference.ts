import { parseDigest, type Digest } from './digest.ts';
import { parsed, problem, type Parsed } from './problem.ts';

/** An image as a person names it, normalised: Docker Hub rules applied, host in lower case, `latest` filled in. */
export interface ImageRef {
  /** Host with optional port, e.g. `docker.io`, `registry.example.com:5000`, `[::1]:5000`. */
  readonly registry: string;
  /** Path below the host, e.g. `library/nginx`. */
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

/** An image that is resolved: what is verified, copied and signed is exactly this digest. */
export interface PinnedRef extends ImageRef {
  readonly digest: Digest;
}

/** Longest accepted reference in characters: name 255 (distribution spec) + tag 128 + digest 135 + separators. */
export const MAX_REFERENCE_LENGTH = 255 + 1 + 128 + 1 + 135;
/** Longest `registry/repository` in characters, as in the distribution project's reference grammar. */
export const MAX_NAME_LENGTH = 255;

const DOCKER_HUB = 'docker.io';
/** Names under which clients and registries know Docker Hub. */
const DOCKER_HUB_ALIASES: ReadonlySet<string> = new Set([
  DOCKER_HUB,
  'index.docker.io',
  'registry-1.docker.io',
  'registry.hub.docker.com',
]);

// Grammar of the OCI distribution spec ("Pull") and the distribution project's reference package.
const HOST =
  /^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*|\[[a-f0-9:]+\])(?::([1-9]\d{0,4}))?$/;
/** Hosts that addresses may read as another one (WHATWG URL, "host parser"): IPv6, numbers as the last label, and Punycode. */
const MAY_READ_DIFFERENTLY = /^\[|(?:^|\.)\d[^.]*$|xn--/;
const PLAIN_IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^\w[\w.-]{0,127}$/;

/** Whether a string can be a tag (OCI distribution spec, "Pull": at most 128 characters). */
export function isTag(text: string): boolean {
  return TAG.test(text);
}

/**
 * Reads an image reference as container runtimes do: `nginx` is `docker.io/library/nginx:latest`. The first path
 * component is a host only when it has a dot, a port or is `localhost`, so a trusted host name later in the path stays a
 * path. Runtimes also take `Acme/web` for a host; here it is refused, because in lower case it would be another image. The problem's path is empty: the caller knows which field it read.
 */
export function parseReference(text: string): Parsed<ImageRef> {
  if (text.length > MAX_REFERENCE_LENGTH)
    return problem('', `is longer than ${MAX_REFERENCE_LENGTH} characters`);
  if (IN_FOLDER.test(text))
    return problem('', 'names a folder, which only `pratique plan` and `pratique promote` read');
  const at = text.indexOf('@');
  if (at < 0) return withTag(text, undefined);
  const digest = parseDigest(text.slice(at + 1));
  return digest === undefined
    ? problem('', 'has no valid digest after "@": sha256 with 64, or sha512 with 128 lower-case hex digits')
    : withTag(text.slice(0, at), digest);
}

function withTag(named: string, digest: Digest | undefined): Parsed<ImageRef> {
  const colon = named.lastIndexOf(':');
  const hasTag = colon > named.lastIndexOf('/') && !named.endsWith(']');
  if (!hasTag) return withName(named, digest === undefined ? { tag: 'latest' } : { digest });
  const tag = named.slice(colon + 1);
  if (!isTag(tag))
    return problem('', 'has an invalid tag: letters, digits, "_", "." and "-", at most 128 of them');
  return withName(named.slice(0, colon), { tag, ...(digest !== undefined && { digest }) });
}

function withName(name: string, rest: Pick<ImageRef, 'tag' | 'digest'>): Parsed<ImageRef> {
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : inLowerCase(name.slice(0, slash));
  const hasHost = /[.:[]/.test(first) || first === 'localhost';
  const written = hasHost && !DOCKER_HUB_ALIASES.has(first) ? first : DOCKER_HUB;
  const registry = withPlainHost(written);
  if (registry === undefined) return problem('', 'has an invalid registry host or port');
  const path = hasHost ? name.slice(slash + 1) : name;
  const repository = registry === DOCKER_HUB && !path.includes('/') ? `library/${path}` : path;
  const wrong = nameProblem(registry, repository);
  return wrong === undefined ? parsed({ registry, repository, ...rest }) : problem('', wrong);
}

/** A host in lower case, if it is one: some foreign letters have a plain one as their lower case, such as the Kelvin sign. */
function inLowerCase(host: string): string {
  return /^[\x21-\x7e]*$/.test(host) ? host.toLowerCase() : host;
}

/**
 * A registry with its host as addresses write it, so that IPv6 has one spelling; `undefined` where it is no host, or one that
 * addresses read as another (`127.1`, `0x7f.0.0.1`): then another server would be asked than the name says.
 */
function withPlainHost(registry: string): string | undefined {
  if (registry === DOCKER_HUB) return registry;
  const port = HOST.exec(registry);
  if (port === null || Number(port[1] ?? 0) > 65_535) return undefined;
  const host = registry.replace(/:\d+$/, '');
  const read = asAddressesRead(host);
  return read === undefined ? undefined : `${read}${registry.slice(host.length)}`;
}

function asAddressesRead(host: string): string | undefined {
  if (!MAY_READ_DIFFERENTLY.test(host) || PLAIN_IPV4.test(host)) return host;
  const read = URL.parse(`https://${host}`)?.hostname;
  return read === host || read?.startsWith('[') ? read : undefined;
}

function nameProblem(registry: string, repository: string): string | undefined {
  if (!repository.split('/').every((component) => COMPONENT.test(component)))
    return 'has an invalid repository: lower-case letters and digits, separated by ".", "_", "-" or "/"';
  if (registry.length + 1 + repository.length > MAX_NAME_LENGTH)
    return `has a name longer than ${MAX_NAME_LENGTH} characters`;
  return undefined;
}

/** Reads a repository with its host, or a folder as {@link parsePlace} reads it, normalised as {@link nameOf} writes it: a tag or digest is a problem. */
export function parseRepository(text: string): Parsed<string> {
  const ref = parsePlace(text);
  if (!ref.ok) return ref;
  const isPlain = ref.value.digest === undefined && !text.slice(text.lastIndexOf('/') + 1).includes(':');
  return isPlain ? parsed(nameOf(ref.value)) : problem('', 'is a repository: leave out tag and digest');
}

/** What an image in a folder begins with: `oci:./export`. No registry has such a host: `oci:5000` needs a number there. */
const IN_FOLDER = /^oci:(?:\.{0,2}\/|\.{1,2}$|$)/;
const PATH_PART = /^[^\p{Cc}\p{Zl}\p{Zp}:@]+$/u;

/** Whether a reference is of a folder in the OCI image layout, not of a registry. Only {@link parsePlace} makes such a one. */
export function isFolder({ registry }: Pick<ImageRef, 'registry'>): boolean {
  return IN_FOLDER.test(registry);
}

/** The path of the folder of such a reference, as it was written, e.g. `./export`; `undefined` for one of a registry. */
export function folderOf(ref: ImageRef): string | undefined {
  return isFolder(ref) ? nameOf(ref).slice('oci:'.length) : undefined;
}

/**
 * Reads what a person at a terminal names: an image of a registry, or `oci:./folder`, `oci:./folder:tag`, `oci:./folder@sha256:…` of a folder
 * in the OCI image layout. No tag is filled in for a folder. For what nodes and clusters name there is {@link parseReference}.
 */
export function parsePlace(text: string): Parsed<ImageRef> {
  if (text.startsWith('oci://'))
    return problem('', 'has "oci://": a registry is named without it, and a folder by "oci:./" or "oci:/"');
  if (!IN_FOLDER.test(text)) {
    const isBare = text.startsWith('oci:') && !/^oci:\d/.test(text);
    return isBare
      ? problem('', 'is no image; a folder is named by "oci:./" or "oci:/"')
      : parseReference(text);
  }
  if (text.length > MAX_REFERENCE_LENGTH)
    return problem('', `is longer than ${MAX_REFERENCE_LENGTH} characters`);
  const [named = '', ...pins] = text.slice('oci:'.length).split('@');
  const digest = parseDigest(pins[0]);
  const isPinnedWell = pins.length === (digest === undefined ? 0 : 1);
  return isPinnedWell ? folderWith(named, digest) : problem('', 'has no valid digest after "@"');
}

function folderWith(named: string, digest: Digest | undefined): Parsed<ImageRef> {
  const [path = '', ...tags] = named.split(':');
  const [tag] = tags;
  if (tags.length > 1 || (tag !== undefined && !isTag(tag)))
    return problem('', 'has an invalid tag, or a folder with ":" in its path');
  const place = folderAt(path);
  if (!place)
    return problem('', 'names no folder: "oci:./" or "oci:/" and a path with ".." at its beginning only');
  return parsed({ ...place, ...(tag !== undefined && { tag }), ...(digest && { digest }) });
}

/** A folder with one spelling: the last part of its path is the repository, all before it stands for the registry. */
function folderAt(path: string): ImageRef | undefined {
  const [first = '', ...rest] = path.split('/');
  const parts = rest.filter((part) => part !== '' && part !== '.');
  const ups = parts.findIndex((part) => part !== '..');
  const repository = parts.at(-1);
  const isPlain = ups >= 0 && parts.every((part, at) => (part === '..' ? at < ups : PATH_PART.test(part)));
  if (repository === undefined || !isPlain || (first === '' && ups > 0)) return undefined;
  const start = first === '.' && ups > 0 ? [] : [first];
  return { registry: `oci:${[...start, ...parts.slice(0, -1)].join('/')}`, repository };
}

/** The normalised name that policies match: host and repository, without tag and digest. */
export function nameOf(ref: ImageRef): string {
  return `${ref.registry}/${ref.repository}`;
}

/** Writes a reference in full; `parseReference(formatReference(r))` gives `r` again. */
export function formatReference(ref: ImageRef): string {
  const tag = ref.tag === undefined ? '' : `:${ref.tag}`;
  const digest = ref.digest === undefined ? '' : `@${ref.digest}`;
  return `${nameOf(ref)}${tag}${digest}`;
}

/** Whether a reference names content by digest. */
export function isPinned(ref: ImageRef): ref is PinnedRef {
  return ref.digest !== undefined;
}

/** The same image, fixed to the digest it was resolved to. */
export function pin(ref: ImageRef, digest: Digest): PinnedRef {
  return { ...ref, digest };
}
