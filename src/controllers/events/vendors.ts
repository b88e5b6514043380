import * as z from 'zod';
import { isObject, parsed, type Parsed } from '../../core/model/index.ts';
import { allOf, MAX_EVENTS, pushedImage, readPiece } from './pushed-image.ts';
import type { Beside, PushedImage } from './pushed-image.ts';

/* Events of registries that vendors and projects make, each by its documented form. Nothing that they name is ever called. */

type Pushed = Parsed<readonly PushedImage[]>;
const NOTHING: Pushed = parsed([]);

/** "Webhooks" in the documentation of Docker Hub. Its `callback_url` is not called: it is an address that a caller chose. */
const hubEvent = z.object({
  push_data: z.object({ tag: z.string().nullish() }),
  repository: z.object({ repo_name: z.string() }),
});

/** Reads webhooks of Docker Hub, all of which are about pushes. */
export function readDockerHub(body: unknown, { registry }: Beside): Pushed {
  const read = readPiece(hubEvent, body);
  if (!read.ok) return read;
  const { push_data: pushed, repository } = read.value;
  const name = `docker.io/${repository.repo_name}`;
  return pushedImage({ name, tag: pushed.tag ?? undefined, registry, path: 'repository.repo_name' });
}

/** "Repository Push" under "Repository notifications" in the documentation of Quay; early ones map tags to images. */
const quayEvent = z.object({
  docker_url: z.string(),
  updated_tags: z.union([
    z.array(z.string()).max(MAX_EVENTS),
    z.record(z.string(), z.unknown()).transform((tags) => Object.keys(tags).slice(0, MAX_EVENTS)),
  ]),
});

/** Reads notifications of Quay; those about builds and vulnerabilities have no tags that were updated. */
export function readQuay(body: unknown, { registry }: Beside): Pushed {
  if (isObject(body) && body.updated_tags === undefined) return NOTHING;
  const read = readPiece(quayEvent, body);
  if (!read.ok) return read;
  const { docker_url: name, updated_tags: tags } = read.value;
  return allOf(tags.map((tag) => pushedImage({ name, tag, registry, path: 'docker_url' })));
}

/** "Docker" under "Webhook event types" in the documentation of JFrog. */
const jfrogEvent = z.looseObject({
  domain: z.string(),
  event_type: z.string(),
  jpd_origin: z.string().nullish(),
});
const jfrogData = z.object({
  repo_key: z.string().regex(/^[A-Za-z0-9][\w.-]{0,63}$/, 'is no key of a repository'),
  image_name: z.string(),
  tag: z.string().nullish(),
});
const JFROG_PUSHES: ReadonlySet<string> = new Set(['pushed', 'promoted']);

/**
 * Reads webhooks of Artifactory. They do not say by which of its two names clients know a repository, its key in the path or in front
 * of the host: both are reported.
 */
export function readJfrog(body: unknown, { registry }: Beside): Pushed {
  const event = readPiece(jfrogEvent, body);
  if (!event.ok) return event;
  const { domain, event_type: type, jpd_origin: origin, data } = event.value;
  if (domain !== 'docker' || !JFROG_PUSHES.has(type)) return NOTHING;
  const pushed = readPiece(jfrogData, data, 'data');
  if (!pushed.ok) return pushed;
  const { repo_key: key, image_name: image, tag } = pushed.value;
  const host = origin && URL.canParse(origin) ? new URL(origin).host : '';
  const read = [`${host}/${key}/${image}`, `${host && `${key}.${host}`}/${image}`].map((name) =>
    pushedImage({ name, tag: tag ?? undefined, registry, path: 'data' }),
  );
  // A key may be part of a path and not of a host, or the other way round.
  const possible = read.filter(({ ok }) => ok);
  return allOf(possible.length > 0 ? possible : read);
}

/** The data of "Event payloads" in the documentation of zot, whose attributes are in headers; or all in one body (CloudEvents 1.0). */
const zotData = z.object({ name: z.string(), reference: z.string().nullish() });
const zotEvent = z.looseObject({ specversion: z.string(), type: z.string() });
const ZOT_PUSH = 'zotregistry.image.updated';

/** Reads events of zot, which do not name its host: the settings do. */
export function readZot(body: unknown, { registry, type }: Beside): Pushed {
  const event = type === undefined ? readPiece(zotEvent, body) : parsed({ type, data: body });
  if (!event.ok) return event;
  if (event.value.type !== ZOT_PUSH) return NOTHING;
  const path = type === undefined ? 'data' : '';
  const read = readPiece(zotData, event.value.data, path);
  if (!read.ok) return read;
  const { name, reference } = read.value;
  // What has no tag is called by its digest.
  const tag = reference?.includes(':') === true ? undefined : (reference ?? undefined);
  return pushedImage({ name: `/${name}`, tag, registry, path });
}
