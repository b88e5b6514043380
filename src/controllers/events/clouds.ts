import * as z from 'zod';
import { isObject, parsed, parseJson, problem, type Parsed } from '../../core/model/index.ts';
import { nameIn, pushedImage, readPiece } from './pushed-image.ts';
import type { Beside, PushedImage } from './pushed-image.ts';

/* Events of the registries of clouds, each by its documented form. Nothing that they name is ever called. */

type Pushed = Parsed<readonly PushedImage[]>;
const NOTHING: Pushed = parsed([]);

/** "Amazon ECR events and EventBridge" in the documentation of AWS. */
const ecrEvent = z.object({
  'detail-type': z.string(),
  account: z.string().regex(/^\d{12}$/, 'is no account number'),
  region: z.string().regex(/^[a-z]{2}(?:-[a-z]+)+-\d{1,2}$/, 'is no region'),
  detail: z.looseObject({ result: z.string().nullish(), 'action-type': z.string() }),
});
const ecrDetail = z.object({ 'repository-name': z.string(), 'image-tag': z.string().nullish() });
const ecrKind = z.looseObject({ 'detail-type': z.string() });
const ECR_EVENTS: ReadonlySet<string> = new Set(['ECR Image Action', 'ECR Replication Action']);
const ECR_PUSHES: ReadonlySet<string> = new Set(['PUSH', 'REPLICATE']);

/** Reads events of Elastic Container Registry as EventBridge passes them on. */
export function readEcr(body: unknown, { registry }: Beside): Pushed {
  const kind = readPiece(ecrKind, body);
  if (!kind.ok) return kind;
  if (!ECR_EVENTS.has(kind.value['detail-type'])) return NOTHING;
  const read = readPiece(ecrEvent, body);
  if (!read.ok) return read;
  const { account, region, detail } = read.value;
  if (detail.result !== 'SUCCESS' || !ECR_PUSHES.has(detail['action-type'])) return NOTHING;
  const pushed = readPiece(ecrDetail, detail, 'detail');
  if (!pushed.ok) return pushed;
  const domain = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
  return pushedImage({
    name: `${account}.dkr.ecr.${region}.${domain}/${pushed.value['repository-name']}`,
    tag: pushed.value['image-tag'] ?? undefined,
    registry,
    path: 'detail.repository-name',
  });
}

/** "Configure Pub/Sub notifications" of Artifact Registry, inside "Push subscriptions" of Pub/Sub. */
const wrapped = z.object({ message: z.object({ data: z.base64() }) });
const garEvent = z.object({ action: z.string(), digest: z.string().nullish(), tag: z.string().nullish() });

/** Reads messages of the topic `gcr`, in the envelope of a push subscription or without (`--push-no-wrapper`). */
export function readGar(body: unknown, { registry }: Beside): Pushed {
  const inner = isObject(body) && 'message' in body ? unwrapped(body) : parsed(body);
  if (!inner.ok) return inner;
  const path = inner.value === body ? '' : 'message.data';
  const read = readPiece(garEvent, inner.value, path);
  if (!read.ok) return read;
  const { action, tag, digest } = read.value;
  if (action !== 'INSERT') return NOTHING;
  const reference = tag ?? digest ?? '';
  const name = nameIn(reference);
  return pushedImage({ name, tag: tag ? reference.slice(name.length + 1) : undefined, registry, path });
}

function unwrapped(body: unknown): Parsed<unknown> {
  const read = readPiece(wrapped, body);
  if (!read.ok) return read;
  const json = parseJson(Buffer.from(read.value.message.data, 'base64'));
  return json === undefined ? problem('message.data', 'is not JSON in UTF-8') : parsed(json);
}
