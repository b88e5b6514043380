import type { Entries } from './promotion-secrets.ts';

/** The fields of what may be an object; none where it is none. */
export function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

/** What may be a string; `''` where it is none. */
export function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** The decoded entries of a Secret or ConfigMap; what is no text of UTF-8 in a Secret is read as if it were. */
export function entriesOf(value: unknown, kind: 'Secret' | 'ConfigMap'): Entries {
  const { data, stringData } = objectOf(value);
  const decoded = Object.entries(objectOf(data)).map(([key, one]) => [
    key,
    kind === 'Secret' ? Buffer.from(text(one), 'base64').toString('utf8') : text(one),
  ]);
  const plain = Object.entries(objectOf(stringData)).map(([key, one]) => [key, text(one)]);
  return Object.fromEntries([...decoded, ...plain]) as Entries;
}
