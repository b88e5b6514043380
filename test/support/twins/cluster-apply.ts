import { isDeepStrictEqual } from 'node:util';
import { isJson, type Json } from './cluster-json.ts';

/** Which leaves (paths as JSON texts) each field manager owns by server-side apply. */
export type Owners = ReadonlyMap<string, ReadonlySet<string>>;

/** Lists that merge by a key of their entries; every other list is one leaf. */
const LIST_KEYS: Readonly<Record<string, string>> = {
  conditions: 'type',
  webhooks: 'name',
  containers: 'name',
  ownerReferences: 'uid',
};
/** What identifies an object has no owner. */
const IDENTITY = new Set(
  ['apiVersion', 'kind']
    .map((key) => JSON.stringify([key]))
    .concat(
      ['name', 'namespace', 'uid', 'resourceVersion', 'creationTimestamp', 'generation'].map((key) =>
        JSON.stringify(['metadata', key]),
      ),
    ),
);

/** Server-side apply with force: fields that this manager owned and no longer sends are removed; it owns the fields that it sends. */
export function applyFields(
  stored: Json,
  given: Json,
  { manager, owners }: { readonly manager: string; readonly owners: Owners },
): { readonly object: Json; readonly owners: Owners } {
  const before = leavesOf(stored);
  const wanted = leavesOf(given);
  const others = [...owners].filter(([name]) => name !== manager);
  const shared = new Set(others.flatMap(([, paths]) => [...paths]));
  for (const path of owners.get(manager) ?? []) if (!shared.has(path)) removeBelow(before, path);
  const changed = new Set([...wanted].filter(([path, value]) => !same(before, path, value)).map(([p]) => p));
  for (const [path, value] of wanted) {
    makeRoom(before, path);
    before.set(path, value);
  }
  const own = new Set([...wanted.keys()].filter((path) => !IDENTITY.has(path)));
  return { object: build(before), owners: new Map([...without(others, changed), [manager, own]]) };
}

/** After a write that is no apply: a manager no longer owns what another writer changed. */
export function disown(owners: Owners, before: Json, after: Json): Owners {
  const [old, now] = [leavesOf(before), leavesOf(after)];
  const changed = new Set([...old].filter(([path, value]) => !same(now, path, value)).map(([path]) => path));
  return new Map(without([...owners], changed));
}

function without(
  owners: readonly (readonly [string, ReadonlySet<string>])[],
  lost: ReadonlySet<string>,
): readonly (readonly [string, ReadonlySet<string>])[] {
  return owners.map(([name, paths]) => [name, new Set([...paths].filter((path) => !lost.has(path)))]);
}

function same(leaves: ReadonlyMap<string, unknown>, path: string, value: unknown): boolean {
  return leaves.has(path) && isDeepStrictEqual(leaves.get(path), value);
}

/** A leaf in place of a map, or the other way round. */
function makeRoom(leaves: Map<string, unknown>, path: string): void {
  const keys = JSON.parse(path) as readonly string[];
  for (let length = 1; length < keys.length; length += 1)
    leaves.delete(JSON.stringify(keys.slice(0, length)));
  removeBelow(leaves, path);
}

function removeBelow(leaves: Map<string, unknown>, path: string): void {
  const prefix = `${path.slice(0, -1)},`;
  for (const key of [...leaves.keys()]) if (key === path || key.startsWith(prefix)) leaves.delete(key);
}

function leavesOf(object: Json): Map<string, unknown> {
  const leaves = new Map<string, unknown>();
  collect(object, [], leaves);
  return leaves;
}

function collect(value: unknown, path: readonly string[], into: Map<string, unknown>): void {
  const children = childrenOf(value, path.at(-1));
  if (!children || children.length === 0) into.set(JSON.stringify(path), value);
  else for (const [key, child] of children) collect(child, [...path, key], into);
}

function childrenOf(
  value: unknown,
  name: string | undefined,
): readonly (readonly [string, unknown])[] | undefined {
  if (isJson(value)) return Object.entries(value);
  const key = LIST_KEYS[name ?? ''];
  if (!Array.isArray(value) || key === undefined || !value.every((entry) => isJson(entry) && key in entry)) {
    return undefined;
  }
  return (value as Json[]).map((entry) => [String(entry[key]), entry]);
}

/** Leaves back to an object; keyed lists in the order in which their entries first came. */
function build(leaves: ReadonlyMap<string, unknown>): Json {
  const root: Json = {};
  for (const [path, value] of leaves) {
    const keys = JSON.parse(path) as string[];
    const last = keys.pop();
    let at = root;
    for (const key of keys) at = (at[key] ??= {}) as Json;
    if (last !== undefined) at[last] = value;
  }
  return listed(root) as Json;
}

function listed(value: unknown, name?: string): unknown {
  if (!isJson(value)) return value;
  const entries = Object.entries(value).map(([key, child]) => [key, listed(child, key)] as const);
  const key = LIST_KEYS[name ?? ''];
  const isList =
    key !== undefined &&
    entries.length > 0 &&
    entries.every(([id, child]) => isJson(child) && child[key] === id);
  return isList ? entries.map(([, child]) => child) : Object.fromEntries(entries);
}
