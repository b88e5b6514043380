import { isPathSecret, objectOf, textOf } from '../../core/model/index.ts';
import type { NamedPath } from './path-plan.ts';
import type { WebhookKind } from './ports.ts';

/** The path of a webhook, or the end of its URL, up to the secret. */
const PATHS = {
  ValidatingWebhookConfiguration: '/validate',
  MutatingWebhookConfiguration: '/mutate',
} as const;
const END = /\/(?:validate|mutate)(?:\/([^/]*))?$/;

/** What the `clientConfig` of a webhook names. */
export function pathOf({ url, service }: Readonly<Record<string, unknown>>): NamedPath {
  const found = END.exec(textOf(url) || textOf(objectOf(service).path));
  if (!found) return 'none';
  const [, secret] = found;
  if (secret === undefined) return 'plain';
  return isPathSecret(secret) ? { secret } : 'none';
}

/** An operation of a JSON patch that makes the `clientConfig` at that pointer name a secret. */
export function withPath(
  { url, service }: Readonly<Record<string, unknown>>,
  given: { readonly at: string; readonly kind: WebhookKind; readonly secret: string },
): object {
  const path = `${PATHS[given.kind]}/${given.secret}`;
  if (service !== undefined) return { op: 'add', path: `${given.at}/service/path`, value: path };
  const before = textOf(url).replace(END, '').replace(/\/$/, '');
  return { op: 'replace', path: `${given.at}/url`, value: `${before}${path}` };
}
