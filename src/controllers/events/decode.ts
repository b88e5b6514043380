import * as z from 'zod';
import {
  isTag,
  parsed,
  parseJson,
  parseReference,
  problem,
  type ImageRef,
  type Parsed,
  type Problem,
} from '../../core/model/index.ts';
import type { Sender } from './ports.ts';

/** The image that an event reports as pushed. A claim: it shows where to check, and proves nothing about the content. */
export type PushedImage = Pick<ImageRef, 'registry' | 'repository' | 'tag'>;

/** How one sender's body is read: the images that were pushed, none for events of other kinds. */
type ReadEvents = (body: unknown, registry: string | undefined) => Parsed<readonly PushedImage[]>;

/** Most pushes in one request, of which senders put a handful together. */
export const MAX_EVENTS = 1_000;

const READ: Readonly<Record<Sender, ReadEvents>> = {
  distribution: readDistribution,
  harbor: readHarbor,
  ghcr: readGithub,
  generic: readGeneric,
};

/**
 * Reads the body of an event: the images that were pushed, none for an event of another kind, or every field that is wrong.
 * `registry` stands in for the host that the sender names.
 */
export function decode(
  sender: Sender,
  body: Uint8Array,
  registry: string | undefined,
): Parsed<readonly PushedImage[]> {
  const json = parseJson(body);
  return json === undefined ? problem('', 'is not JSON in UTF-8') : READ[sender](json, registry);
}

/** "Work with notifications" in the documentation of the distribution project: an envelope of events of all kinds. */
const envelope = z.object({ events: z.array(z.looseObject({ action: z.string() })).max(MAX_EVENTS) });

const push = z.object({
  target: z.object({ mediaType: z.string().optional(), repository: z.string(), tag: z.string().optional() }),
});
/** The host by which the pushing client knows the registry. */
const source = z.object({ request: z.object({ host: z.string() }) });

/** What a layer is pushed as. A manifest without a tag counts: it may be the signature that was missing. */
const BLOB = 'application/octet-stream';

/** Reads notifications of the distribution registry and of those built on it. */
function readDistribution(body: unknown, registry: string | undefined): Parsed<readonly PushedImage[]> {
  const read = readPiece(envelope, body);
  if (!read.ok) return read;
  return allOf(
    read.value.events.map((event, index) =>
      event.action === 'push' ? readPush(event, registry, `events[${index}]`) : parsed([]),
    ),
  );
}

function readPush(
  event: unknown,
  registry: string | undefined,
  path: string,
): Parsed<readonly PushedImage[]> {
  const read = readPiece(push, event, path);
  if (!read.ok) return read;
  const { mediaType, repository, tag } = read.value.target;
  if (mediaType === BLOB) return parsed([]);
  const host = registry === undefined ? readPiece(source, event, path) : undefined;
  if (host?.ok === false) return host;
  const home = registry ?? host?.value.request.host ?? '';
  return pushedImage({ name: `${home}/${repository}`, tag, registry, path: `${path}.target` });
}

/* "Configure Webhook Notifications" in Harbor's documentation, which has two forms of the same. */

const harborEvent = z.looseObject({ type: z.string() });

const harborData = z.object({
  resources: z.array(z.object({ resource_url: z.string(), tag: z.string().optional() })).max(MAX_EVENTS),
});
/** The field that holds the data, by the name of the event: Harbor's own form, and CloudEvents. */
const HARBOR_PUSHES: ReadonlyMap<string, 'event_data' | 'data'> = new Map([
  ['PUSH_ARTIFACT', 'event_data'],
  ['harbor.artifact.pushed', 'data'],
]);

/** Reads webhooks of Harbor. */
function readHarbor(body: unknown, registry: string | undefined): Parsed<readonly PushedImage[]> {
  const read = readPiece(harborEvent, body);
  if (!read.ok) return read;
  const field = HARBOR_PUSHES.get(read.value.type);
  if (field === undefined) return parsed([]);
  const pushed = readPiece(harborData, read.value[field], field);
  if (!pushed.ok) return pushed;
  return allOf(
    pushed.value.resources.map(({ resource_url: url, tag }, index) =>
      pushedImage({
        name: nameIn(url),
        // What has no tag is called by its digest.
        tag: tag?.includes(':') === true ? undefined : tag,
        registry,
        path: `${field}.resources[${index}].resource_url`,
      }),
    ),
  );
}

/** The name in a reference, which may have a tag or a digest. */
function nameIn(reference: string): string {
  const [named = ''] = reference.split('@', 1);
  const colon = named.lastIndexOf(':');
  return colon > named.lastIndexOf('/') ? named.slice(0, colon) : named;
}

/* "Webhook events and payloads" in GitHub's documentation: `package` and its elder `registry_package`, of the same shape. */

/** GitHub writes null for what is not there. */
const text = z
  .string()
  .nullish()
  .transform((given) => given ?? '');
const NO_VERSION = { url: '', tag: '' };

const pack = z.object({
  name: z.string(),
  namespace: text,
  package_version: z
    .object({
      /** `ghcr.io/acme/web:1.4`; nothing behind the colon when there is no tag. */
      package_url: text,
      container_metadata: z.object({ tag: z.object({ name: text }).nullish() }).nullish(),
    })
    .transform((version) => ({ url: version.package_url, tag: version.container_metadata?.tag?.name ?? '' }))
    .nullish()
    .transform((version) => version ?? NO_VERSION),
});
/** Read first: packages of other kinds have other fields. */
const typed = z.object({ package_type: z.string() });
const githubEvent = z.looseObject({ action: z.string().optional() });

const PUBLISHED: ReadonlySet<string> = new Set(['published', 'updated']);
const GHCR = 'ghcr.io';

/** Reads webhooks of GitHub about packages; its ping and events about other things name no image. */
function readGithub(body: unknown, registry: string | undefined): Parsed<readonly PushedImage[]> {
  const read = readPiece(githubEvent, body);
  if (!read.ok) return read;
  const { action, package: current, registry_package: elder } = read.value;
  const field = current === undefined ? 'registry_package' : 'package';
  const about = current ?? elder;
  if (action === undefined || !PUBLISHED.has(action) || about === undefined) return parsed([]);
  const kind = readPiece(typed, about, field);
  if (!kind.ok) return kind;
  if (kind.value.package_type.toLowerCase() !== 'container') return parsed([]);
  const pushed = readPiece(pack, about, field);
  return pushed.ok ? imageOf(pushed.value, registry, field) : pushed;
}

function imageOf(
  { name, namespace, package_version: { url, tag } }: z.output<typeof pack>,
  registry: string | undefined,
  path: string,
): Parsed<readonly PushedImage[]> {
  if (url === '' && namespace === '') return problem(`${path}.namespace`, 'is missing');
  const reference = url === '' ? `${GHCR}/${namespace}/${name}` : url;
  const colon = reference.lastIndexOf(':');
  const end = colon > reference.lastIndexOf('/') ? colon : reference.length;
  return pushedImage({
    // People and organisations have capitals, repositories of images have none.
    name: reference.slice(0, end).toLowerCase(),
    tag: tag === '' ? reference.slice(end + 1) : tag,
    registry,
    path,
  });
}

/** Our own form, for pipelines: `{"repository": "registry.example.com/shop/web", "tag": "1.4"}`. */
const event = z.strictObject({ repository: z.string(), tag: z.string().optional() });

/** Reads what a pipeline sends by hand. Docker Hub may be left out, as people do. */
function readGeneric(body: unknown, registry: string | undefined): Parsed<readonly PushedImage[]> {
  const read = readPiece(event, body);
  if (!read.ok) return read;
  const { repository, tag } = read.value;
  const named = parseReference(`${repository}:latest`);
  if (!named.ok) return problem('repository', named.problems[0]?.message ?? 'is not valid');
  const name = `${named.value.registry}/${named.value.repository}`;
  return pushedImage({ name, tag, registry, path: 'tag' });
}

/** Reads a piece of a body; problems are reported below `path`. Unlike zod's own messages, these never quote what came. */
function readPiece<T>(schema: z.ZodType<T>, value: unknown, path = ''): Parsed<T> {
  const read = schema.safeParse(value);
  if (read.success) return parsed(read.data);
  const problems = read.error.issues.map((issue) => ({
    path: issue.path.reduce<string>(below, path),
    message: issue.code === 'unrecognized_keys' ? 'has unknown fields' : issue.message,
  }));
  return { ok: false, problems };
}

function below(path: string, part: PropertyKey): string {
  if (typeof part === 'number') return `${path}[${part}]`;
  return path === '' ? String(part) : `${path}.${String(part)}`;
}

/** What {@link pushedImage} puts together, and where it was read. */
interface Named {
  /** With the host in front, without tag and digest. */
  readonly name: string;
  readonly tag: string | undefined;
  /** Stands in for the host in `name`. */
  readonly registry: string | undefined;
  readonly path: string;
}

/** The one image that was pushed, by the name of its repository. */
function pushedImage({ name, tag, registry, path }: Named): Parsed<readonly PushedImage[]> {
  const slash = name.indexOf('/');
  const host = slash < 0 ? '' : (registry ?? name.slice(0, slash));
  // As part of a path it would be another repository, on Docker Hub.
  if (!isHost(host)) return problem(path, 'does not begin with the host of a registry');
  const read = parseReference(`${host}${name.slice(slash)}:latest`);
  if (!read.ok) return problem(path, read.problems[0]?.message ?? 'is not valid');
  const image = { registry: read.value.registry, repository: read.value.repository };
  if (tag === undefined || tag === '') return parsed([image]);
  return isTag(tag) ? parsed([{ ...image, tag }]) : problem(path, 'comes with a tag that cannot be one');
}

function isHost(text: string): boolean {
  return /[.:]/.test(text) || text.toLowerCase() === 'localhost';
}

/** All of them, each image once; or all that is wrong with any. */
function allOf(read: readonly Parsed<readonly PushedImage[]>[]): Parsed<readonly PushedImage[]> {
  const problems: Problem[] = [];
  const images = new Map<string, PushedImage>();
  for (const one of read) {
    if (!one.ok) problems.push(...one.problems);
    else
      for (const image of one.value)
        images.set(`${image.registry}/${image.repository}:${image.tag ?? ''}`, image);
  }
  return problems.length > 0 ? { ok: false, problems } : parsed([...images.values()]);
}
