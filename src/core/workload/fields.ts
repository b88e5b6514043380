import { parsed, problem, type Parsed } from '../model/index.ts';

/** A JSON object whose fields are not validated yet. */
export type Fields = Readonly<Record<string, unknown>>;

/** A list field; absent and `null` are both "none", as for the API server. */
export function listAt(fields: Fields, name: string, path: string): Parsed<readonly unknown[]> {
  const value = fields[name] ?? [];
  return Array.isArray(value) ? parsed<readonly unknown[]>(value) : problem(path, 'is not a list');
}

/** A text field; absent and `null` are both the empty text, as for the API server. */
export function textAt(fields: Fields, name: string, path: string): Parsed<string> {
  const value = fields[name] ?? '';
  return typeof value === 'string' ? parsed(value) : problem(path, 'is not a text');
}
