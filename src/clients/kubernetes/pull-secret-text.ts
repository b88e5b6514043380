import { isObject } from '../../core/model/index.ts';
import type { KubeObject } from './types.ts';

/** The Docker config in a Secret, or why there is none; the reason repeats nothing of what is secret. */
export type SecretText = { readonly text: string } | { readonly detail: string };

const CURRENT = { type: 'kubernetes.io/dockerconfigjson', key: '.dockerconfigjson' } as const;
const LEGACY = { type: 'kubernetes.io/dockercfg', key: '.dockercfg' } as const;

/** Reads the Docker config of a pull secret; the legacy form (logins by host and nothing else) is brought to today's. */
export function readPullSecret(secret: KubeObject): SecretText {
  const form = [CURRENT, LEGACY].find(({ type }) => type === secret.type);
  if (!form) return { detail: `is neither of type ${CURRENT.type} nor ${LEGACY.type}` };
  const value = isObject(secret.data) ? secret.data[form.key] : undefined;
  if (typeof value !== 'string') return { detail: `has no key ${form.key}` };
  const text = decode(value);
  const body = text === undefined ? undefined : parseObject(text);
  if (text === undefined || !body) return { detail: `does not hold a JSON object in ${form.key}` };
  return { text: form === LEGACY ? JSON.stringify({ auths: body }) : text };
}

/** Base64 of UTF-8, and nothing that only looks like it. */
function decode(value: string): string | undefined {
  const bytes = Buffer.from(value, 'base64');
  if (bytes.toString('base64') !== value) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined; // said by the caller, in words that quote nothing
  }
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value = JSON.parse(text) as unknown;
    return isObject(value) ? value : undefined;
  } catch {
    return undefined; // a parser's message would quote the secret
  }
}
