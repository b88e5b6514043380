import { isDeepStrictEqual } from 'node:util';

/** A JSON object. */
export type Json = Record<string, unknown>;

/** Whether a value is a JSON object. */
export function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** An object without some of its keys. */
export function omit(object: Json, ...keys: readonly string[]): Json {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key)));
}

/** RFC 7396: a JSON merge patch. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isJson(patch)) return patch;
  const result: Json = isJson(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- a copy, of JSON
    if (value === null) delete result[key];
    else result[key] = mergePatch(result[key], value);
  }
  return result;
}

/** RFC 6902 without `copy` and `move`; `undefined` when an operation cannot be carried out or a test fails. */
export function jsonPatch(target: unknown, operations: readonly unknown[]): unknown {
  const root = { value: structuredClone(target) };
  return operations.every((operation) => isJson(operation) && step(root, operation)) ? root.value : undefined;
}

function step(root: { value: unknown }, { op, path, value }: Json): boolean {
  if (typeof path !== 'string') return false;
  const keys = path.split('/').map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
  keys[0] = 'value'; // the empty path is the whole document
  const last = keys.pop() ?? '';
  const parent = keys.reduce<unknown>((at, key) => (at as Json | undefined)?.[key], root);
  if (typeof parent !== 'object' || parent === null) return false;
  const present = Object.hasOwn(parent, last);
  if (op === 'test') return present && isDeepStrictEqual((parent as Json)[last], value);
  if (op === 'add') return add(parent, last, value);
  return present && change(parent, last, { op, value });
}

function change(parent: object, key: string, { op, value }: Json): boolean {
  if (op === 'replace') (parent as Json)[key] = value;
  else if (op === 'remove' && Array.isArray(parent)) parent.splice(Number(key), 1);
  else if (op === 'remove') Reflect.deleteProperty(parent, key);
  else return false;
  return true;
}

function add(parent: object, key: string, value: unknown): boolean {
  if (!Array.isArray(parent)) (parent as Json)[key] = value;
  else if (key === '-') parent.push(value);
  else if (/^\d+$/.test(key) && Number(key) <= parent.length) parent.splice(Number(key), 0, value);
  else return false;
  return true;
}
