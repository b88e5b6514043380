import * as z from 'zod';
import { parsed, type Parsed } from '../../core/model/index.ts';
import { allOf, MAX_EVENTS, pushedImage, readPiece, single, type PushedImage } from './pushed-image.ts';

/* "Configure Webhook Notifications" in Harbor's documentation, which has two forms of the same. */

const event = z.looseObject({ type: z.string() });

const data = z.object({
  resources: z.array(z.object({ resource_url: z.string(), tag: z.string().optional() })).max(MAX_EVENTS),
});
/** The field that holds the data, by the name of the event: Harbor's own form, and CloudEvents. */
const PUSHES: ReadonlyMap<string, 'event_data' | 'data'> = new Map([
  ['PUSH_ARTIFACT', 'event_data'],
  ['harbor.artifact.pushed', 'data'],
]);

/** Reads webhooks of Harbor. */
export function readHarbor(body: unknown, registry: string | undefined): Parsed<readonly PushedImage[]> {
  const read = readPiece(event, body);
  if (!read.ok) return read;
  const field = PUSHES.get(read.value.type);
  if (field === undefined) return parsed([]);
  const pushed = readPiece(data, read.value[field], field);
  if (!pushed.ok) return pushed;
  return allOf(
    pushed.value.resources.map(({ resource_url: url, tag }, index) =>
      single(
        pushedImage({
          name: nameIn(url),
          // What has no tag is called by its digest.
          tag: tag?.includes(':') === true ? undefined : tag,
          registry,
          path: `${field}.resources[${index}].resource_url`,
        }),
      ),
    ),
  );
}

/** The name in a reference, which may have a tag or a digest. */
function nameIn(reference: string): string {
  const [named = ''] = reference.split('@', 1);
  const colon = named.lastIndexOf(':');
  return colon > named.lastIndexOf('/') ? named.slice(0, colon) : named;
}
