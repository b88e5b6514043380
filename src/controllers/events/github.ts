import * as z from 'zod';
import { parsed, problem, type Parsed } from '../../core/model/index.ts';
import { pushedImage, readPiece, single, type PushedImage } from './pushed-image.ts';

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
    .transform((version) => ({
      url: version.package_url,
      tag: version.container_metadata?.tag?.name ?? '',
    }))
    .nullish()
    .transform((version) => version ?? NO_VERSION),
});
/** Read first: packages of other kinds have other fields. */
const typed = z.object({ package_type: z.string() });
const event = z.looseObject({ action: z.string().optional() });

const ACTIONS: ReadonlySet<string> = new Set(['published', 'updated']);
const GHCR = 'ghcr.io';

/** Reads webhooks of GitHub about packages; its ping and events about other things name no image. */
export function readGithub(body: unknown, registry: string | undefined): Parsed<readonly PushedImage[]> {
  const read = readPiece(event, body);
  if (!read.ok) return read;
  const { action, package: current, registry_package: elder } = read.value;
  const field = current === undefined ? 'registry_package' : 'package';
  const about = current ?? elder;
  if (action === undefined || !ACTIONS.has(action) || about === undefined) return parsed([]);
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
  return single(
    pushedImage({
      // People and organisations have capitals, repositories of images have none.
      name: reference.slice(0, end).toLowerCase(),
      tag: tag === '' ? reference.slice(end + 1) : tag,
      registry,
      path,
    }),
  );
}
