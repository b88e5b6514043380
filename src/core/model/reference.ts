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
  /^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*|\[[a-f0-9:.]+\])(?::(\d{1,5}))?$/;
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^\w[\w.-]{0,127}$/;

/** Whether a string can be a tag (OCI distribution spec, "Pull": at most 128 characters). */
export function isTag(text: string): boolean {
  return TAG.test(text);
}

/**
 * Reads an image reference as container runtimes do: `nginx` is `docker.io/library/nginx:latest`. The first path
 * component is a host only when it has a dot, a port, upper case or is `localhost`, so a trusted host name later in the
 * path stays a path. The problem's path is empty: the caller knows which field it read.
 */
export function parseReference(text: string): Parsed<ImageRef> {
  if (text.length > MAX_REFERENCE_LENGTH) {
    return problem('', `is longer than ${String(MAX_REFERENCE_LENGTH)} characters`);
  }
  const at = text.indexOf('@');
  const digest = at < 0 ? undefined : parseDigest(text.slice(at + 1));
  if (at >= 0 && digest === undefined) {
    return problem(
      '',
      'has no valid digest after "@": sha256 with 64, or sha512 with 128 lower-case hex digits',
    );
  }
  const named = at < 0 ? text : text.slice(0, at);
  const colon = named.lastIndexOf(':');
  const hasTag = colon > named.lastIndexOf('/') && !named.endsWith(']');
  const tag = hasTag ? named.slice(colon + 1) : undefined;
  if (tag !== undefined && !isTag(tag)) {
    return problem('', 'has an invalid tag: letters, digits, "_", "." and "-", at most 128 of them');
  }
  return withName(hasTag ? named.slice(0, colon) : named, tag, digest);
}

function withName(name: string, tag: string | undefined, digest: Digest | undefined): Parsed<ImageRef> {
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  const hasHost = /[.:A-Z[]/.test(first) || first === 'localhost';
  const host = hasHost ? first.toLowerCase() : DOCKER_HUB;
  const registry = DOCKER_HUB_ALIASES.has(host) ? DOCKER_HUB : host;
  const path = hasHost ? name.slice(slash + 1) : name;
  const repository = registry === DOCKER_HUB && !path.includes('/') ? `library/${path}` : path;
  const wrong = nameProblem(registry, repository);
  if (wrong !== undefined) return problem('', wrong);
  const latest = tag === undefined && digest === undefined;
  return parsed({
    registry,
    repository,
    ...(tag !== undefined && { tag }),
    ...(latest && { tag: 'latest' }),
    ...(digest !== undefined && { digest }),
  });
}

function nameProblem(registry: string, repository: string): string | undefined {
  const port = HOST.exec(registry);
  if (port === null || Number(port[1] ?? 0) > 65_535) return 'has an invalid registry host or port';
  if (!repository.split('/').every((component) => COMPONENT.test(component))) {
    return 'has an invalid repository: lower-case letters and digits, separated by ".", "_", "-" or "/"';
  }
  if (registry.length + 1 + repository.length > MAX_NAME_LENGTH) {
    return `has a name longer than ${String(MAX_NAME_LENGTH)} characters`;
  }
  return undefined;
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
