import { isObject, parsed, problem, type Parsed } from '../model/index.ts';
import type { Workload } from './kinds.ts';

/** A JSON object whose fields are not validated yet. */
export type Fields = Readonly<Record<string, unknown>>;

/** A list field of the object at `path`; absent and `null` are both "none", as for the API server. */
export function listAt(fields: Fields, name: string, path: string): Parsed<readonly unknown[]> {
  const value = fields[name] ?? [];
  return Array.isArray(value)
    ? parsed<readonly unknown[]>(value)
    : problem(`${path}.${name}`, 'is not a list');
}

/** A text field of the object at `path`; absent and `null` are both the empty text, as for the API server. */
export function textAt(fields: Fields, name: string, path: string): Parsed<string> {
  const value = fields[name] ?? '';
  return typeof value === 'string' ? parsed(value) : problem(`${path}.${name}`, 'is not a text');
}

/** The pod spec of an object; `undefined` where the kind allows that there is none. */
export function podSpecOf(object: unknown, { podSpec, optional = [] }: Workload): Parsed<Fields | undefined> {
  let fields = object;
  for (const [depth, step] of podSpec.entries()) {
    if (!isObject(fields)) return problem(podSpec.slice(0, depth).join('.'), 'is not an object');
    fields = fields[step];
    if ((fields === undefined || fields === null) && optional.includes(step)) return parsed(undefined);
  }
  return isObject(fields) ? parsed(fields) : problem(podSpec.join('.'), 'is not an object');
}
