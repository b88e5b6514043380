import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type {
  Collection,
  KubeObject,
  ObjectAddress,
  Resource,
} from '../../../src/clients/kubernetes/types.ts';
import type { Owners } from './cluster-apply.ts';
import { omit, type Json } from './cluster-json.ts';
import { belongs } from './cluster-selectors.ts';

/** An object and the owners of its fields. */
export interface Stored {
  readonly object: KubeObject;
  readonly owners: Owners;
}

/** One change: the object before and after. */
export interface Change {
  readonly revision: number;
  readonly resource: string;
  readonly before?: KubeObject;
  readonly after?: KubeObject;
}

/** The objects of the twin, in the order of their creation. */
export interface Store {
  revision(): number;
  read(address: ObjectAddress): Stored | undefined;
  list(collection: Collection): readonly KubeObject[];
  /** Stores an object, replaces an existing one, and returns the stored object. An unchanged object causes no event. */
  write(address: ObjectAddress, next: Stored, options?: { readonly dryRun?: boolean }): KubeObject;
  remove(address: ObjectAddress): void;
  /** Changes since a revision; `undefined` when they were dropped. */
  since(resource: string, revision: number): readonly Change[] | undefined;
  forgetHistory(): void;
}

const KINDS_WITHOUT_GENERATION = new Set([
  'Secret',
  'ConfigMap',
  'Lease',
  'Event',
  'ServiceAccount',
  'Namespace',
]);
/** What no write changes. */
const SERVER_FIELDS = ['uid', 'creationTimestamp', 'resourceVersion', 'deletionTimestamp'];
/** Numbers as a cluster that has run for a while. */
const FIRST_REVISION = 100;

/** A resource's name inside the twin. */
export function resourceName({ group, version, plural }: Resource): string {
  return `${group}/${version}/${plural}`;
}

/** An empty store; `wake` is called after every change. */
export function createStore(now: () => Date, wake: () => void): Store {
  const objects = new Map<string, Stored>();
  let revision = FIRST_REVISION;
  let history: Change[] = [];
  let forgotten = FIRST_REVISION;

  const commit = (resource: Resource, change: Omit<Change, 'revision' | 'resource'>): void => {
    history.push({ ...change, revision, resource: resourceName(resource) });
    wake();
  };

  return {
    revision: () => revision,
    read: (address) => objects.get(keyOf(address)),
    list: (collection) =>
      [...objects]
        .filter(([key]) => key.startsWith(`${resourceName(collection.resource)} `))
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([, { object }]) => object)
        .filter((object) => belongs(object, collection)),
    write: (address, { object, owners }, { dryRun = false } = {}) => {
      const before = objects.get(keyOf(address))?.object;
      const draft = plain({ ...object, metadata: metadataOf(before, object, now) });
      if (before && isDeepStrictEqual(draft, before)) {
        if (!dryRun) objects.set(keyOf(address), { object: before, owners });
        return before;
      }
      if (dryRun) return draft;
      revision += 1;
      const after = { ...draft, metadata: { ...draft.metadata, resourceVersion: String(revision) } };
      objects.set(keyOf(address), { object: after, owners });
      commit(address.resource, { after, ...(before && { before }) });
      return after;
    },
    remove: (address) => {
      const before = objects.get(keyOf(address))?.object;
      if (!before) return;
      objects.delete(keyOf(address));
      revision += 1;
      const metadata = { ...before.metadata, resourceVersion: String(revision) };
      commit(address.resource, { before: { ...before, metadata } });
    },
    since: (resource, from) =>
      from < forgotten
        ? undefined
        : history.filter((change) => change.revision > from && change.resource === resource),
    forgetHistory: () => {
      revision += 1; // a watcher of the previous revision has not seen this
      forgotten = revision;
      history = [];
    },
  };
}

function keyOf({ resource, namespace = '', name }: ObjectAddress): string {
  return `${resourceName(resource)} ${namespace}/${name}`;
}

function plain(object: KubeObject): KubeObject {
  return JSON.parse(JSON.stringify(object)) as KubeObject;
}

/** Metadata that only the API server writes; the rest is as given. */
function metadataOf(
  before: KubeObject | undefined,
  next: KubeObject,
  now: () => Date,
): KubeObject['metadata'] {
  const fresh = {
    uid: randomUUID(),
    creationTimestamp: now()
      .toISOString()
      .replace(/\.\d+Z$/, 'Z'),
  };
  const kept = before ? pick(before.metadata, SERVER_FIELDS) : fresh;
  return { ...next.metadata, ...kept, ...generationOf(before, next) };
}

function pick(object: Json, keys: readonly string[]): Json {
  return Object.fromEntries(Object.entries(object).filter(([key]) => keys.includes(key)));
}

function generationOf(before: KubeObject | undefined, next: KubeObject): { readonly generation?: number } {
  if (KINDS_WITHOUT_GENERATION.has(next.kind)) return {};
  if (!before) return { generation: 1 };
  const content = (object: Json): Json => omit(object, 'metadata', 'status');
  const same = isDeepStrictEqual(content(before), content(plain(next)));
  return { generation: (before.metadata.generation ?? 0) + (same ? 0 : 1) };
}
