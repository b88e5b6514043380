import * as z from 'zod';
import { parsed, parseJson, parseReference, problem, type Parsed } from '../../core/model/index.ts';
import { readEcr, readGar } from './clouds.ts';
import { readDockerHub, readJfrog, readQuay, readZot } from './vendors.ts';
import type { Sender } from './ports.ts';
import { allOf, below, MAX_EVENTS, nameIn, pushedImage, readPiece } from './pushed-image.ts';
import type { Beside, PushedImage, ReadEvents } from './pushed-image.ts';

const READ: Readonly<Record<Sender, ReadEvents>> = {
  distribution: readDistribution,
  harbor: readHarbor,
  ghcr: readGithub,
  acr: (body, { registry }) => readNotification(body, registry, ''),
  ecr: readEcr,
  gar: readGar,
  dockerhub: readDockerHub,
  quay: readQuay,
  jfrog: readJfrog,
  zot: readZot,
  generic: readGeneric,
};

/**
 * Reads the body of an event: the images that were pushed, none for an event of another kind, or every field that is wrong.
 */
export function decode(sender: Sender, body: Uint8Array, beside: Beside): Parsed<readonly PushedImage[]> {
  const json = parseJson(body);
  return json === undefined ? problem('', 'is not JSON in UTF-8') : READ[sender](json, beside);
}

/** "Work with notifications" in the documentation of the distribution project: an envelope of events of all kinds. */
const notification = z.looseObject({ action: z.string() });
const envelope = z.object({ events: z.array(z.unknown()).max(MAX_EVENTS) });

const push = z.object({
  target: z.object({ mediaType: z.string().optional(), repository: z.string(), tag: z.string().optional() }),
});
/** The host by which the pushing client knows the registry. */
const source = z.object({ request: z.object({ host: z.string() }) });

/** What a layer is pushed as. A manifest without a tag counts: it may be the signature that was missing. */
const BLOB = 'application/octet-stream';

/** Reads notifications of the distribution registry and of those built on it. */
function readDistribution(body: unknown, { registry }: Beside): Parsed<readonly PushedImage[]> {
  const read = readPiece(envelope, body);
  if (!read.ok) return read;
  return allOf(
    read.value.events.map((event, index) => readNotification(event, registry, `events[${index}]`)),
  );
}

/** One notification; webhooks of Azure Container Registry are each one ("Azure Container Registry webhook reference"). */
function readNotification(
  event: unknown,
  registry: string | undefined,
  path: string,
): Parsed<readonly PushedImage[]> {
  const kind = readPiece(notification, event, path);
  if (!kind.ok) return kind;
  return kind.value.action === 'push' ? readPush(event, registry, path) : parsed([]);
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
  return pushedImage({ name: `${home}/${repository}`, tag, registry, path: below(path, 'target') });
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
function readHarbor(body: unknown, { registry }: Beside): Parsed<readonly PushedImage[]> {
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
function readGithub(body: unknown, { registry }: Beside): Parsed<readonly PushedImage[]> {
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
function readGeneric(body: unknown, { registry }: Beside): Parsed<readonly PushedImage[]> {
  const read = readPiece(event, body);
  if (!read.ok) return read;
  const { repository, tag } = read.value;
  const named = parseReference(`${repository}:latest`);
  if (!named.ok) return problem('repository', named.problems[0]?.message ?? 'is not valid');
  const name = `${named.value.registry}/${named.value.repository}`;
  return pushedImage({ name, tag, registry, path: 'tag' });
}
