import * as z from 'zod';
import { parsed, type Parsed } from '../../core/model/index.ts';
import { allOf, MAX_EVENTS, pushedImage, readPiece, single, type PushedImage } from './pushed-image.ts';

/** "Work with notifications" in the documentation of the distribution project: an envelope of events of all kinds. */
const envelope = z.object({ events: z.array(z.looseObject({ action: z.string() })).max(MAX_EVENTS) });

const push = z.object({
  target: z.object({
    mediaType: z.string().optional(),
    repository: z.string(),
    tag: z.string().optional(),
  }),
});
/** The host by which whoever pushed knows the registry. */
const source = z.object({ request: z.object({ host: z.string() }) });

/** What a layer is pushed as. A manifest without a tag counts: it may be the signature that was missing. */
const BLOB = 'application/octet-stream';

/** Reads notifications of the distribution registry and of those built on it. */
export function readDistribution(
  body: unknown,
  registry: string | undefined,
): Parsed<readonly PushedImage[]> {
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
