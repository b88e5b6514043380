import * as z from 'zod';
import { problem, type Parsed, parsed, parseReference } from '../../core/model/index.ts';
import { readGithub } from './github.ts';
import { readHarbor } from './harbor.ts';
import type { Sender } from './ports.ts';
import {
  type PushedImage,
  type ReadEvents,
  allOf,
  MAX_EVENTS,
  pushedImage,
  readPiece,
  single,
} from './pushed-image.ts';

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
  const json = readJson(body);
  return json === undefined ? problem('', 'is not JSON in UTF-8') : READ[sender](json, registry);
}

function readJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) as unknown;
  } catch {
    return undefined;
  }
}

/** "Work with notifications" in the documentation of the distribution project: an envelope of events of all kinds. */
const envelope = z.object({ events: z.array(z.looseObject({ action: z.string() })).max(MAX_EVENTS) });

const push = z.object({
  target: z.object({
    mediaType: z.string().optional(),
    repository: z.string(),
    tag: z.string().optional(),
  }),
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
  return single(pushedImage({ name: `${home}/${repository}`, tag, registry, path: `${path}.target` }));
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
  const image = pushedImage({ name, tag, registry, path: 'tag' });
  return image.ok ? single(parsed(image.value)) : image;
}
