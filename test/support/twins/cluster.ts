import { randomBytes } from 'node:crypto';
import type {
  Cluster,
  KubeObject,
  ObjectAddress,
  Page,
  Resource,
  WriteOptions,
  Written,
} from '../../../src/clients/kubernetes/types.ts';
import { clusterFault, createCallGate, type CallGate, type ClusterCall } from './cluster-calls.ts';
import { isJson, type Json } from './cluster-json.ts';
import { createStore, type Store } from './cluster-store.ts';
import { createWatches, type Watches } from './cluster-watch.ts';
import { planApply, planCreate, planPatch, planReplace, type No, type Planned } from './cluster-write.ts';

export { clusterFault } from './cluster-calls.ts';
export type { CallPattern, ClusterCall } from './cluster-calls.ts';
export { no } from './cluster-write.ts';

/** A write as an admission hook sees it: `object` is what would be stored. */
export interface AdmittedWrite extends ClusterCall {
  readonly object: KubeObject;
}

/**
 * An API server in memory: optimistic locking, generations, watches, status subresources, server-side apply. It knows no
 * schema: every resource exists, namespaces need not, and it validates no more than names and versions.
 */
export interface ClusterTwin extends Cluster, Pick<CallGate, 'calls' | 'count' | 'fail' | 'hold'> {
  /** Stores an object as it is, with its status, without admission; replaces an existing object. */
  put(resource: Resource, object: object): KubeObject;
  /** The object as it is stored, without a call. */
  peek(address: ObjectAddress): KubeObject | undefined;
  /** Called before every create, replace, apply and patch; the first refusal counts. The returned function removes the hook. */
  deny(hook: (write: AdmittedWrite) => No | undefined): () => void;
  /** Drops old changes: open lists and watches from older versions expire. */
  expire(): void;
  bookmark(): void;
  endWatches: Watches['end'];
  watchCount(): number;
}

/** An empty cluster. */
export function createClusterTwin({
  now = () => new Date(),
}: { readonly now?: () => Date } = {}): ClusterTwin {
  const gate = createCallGate();
  const watches: Watches = createWatches(() => store);
  const store = createStore(now, () => {
    watches.wake();
  });
  const pages = new Map<
    string,
    { readonly items: readonly KubeObject[]; readonly resourceVersion: string }
  >();
  const hooks = new Set<(write: AdmittedWrite) => No | undefined>();

  const commit = (call: ClusterCall, address: ObjectAddress, planned: Planned): Written => {
    if (!planned.ok) return planned;
    const { dryRun = false } = call;
    const object = structuredClone(planned.next.object);
    for (const hook of hooks) {
      const refused = hook({ ...call, object });
      if (refused) return refused;
    }
    const written = store.write(address, planned.next, { dryRun });
    if (!dryRun) finalize(store, address);
    return { ok: true, object: structuredClone(written), warnings: [] };
  };

  const write = async (
    verb: ClusterCall['verb'],
    address: ObjectAddress,
    {
      body,
      options = {},
      plan,
    }: {
      readonly body: object;
      readonly options?: (WriteOptions & { fieldManager?: string }) | undefined;
      readonly plan: (body: Json) => Planned;
    },
  ): Promise<Written> => {
    const { dryRun, fieldManager, signal } = options;
    const sent = JSON.parse(JSON.stringify(body)) as Json;
    const call = {
      ...callOf(verb, address),
      ...(dryRun !== undefined && { dryRun }),
      ...(fieldManager !== undefined && { fieldManager }),
      body: sent,
    };
    await gate.enter(call, signal);
    return commit(call, address, plan(sent));
  };

  return {
    ...gate,
    server: 'https://cluster.example.com:6443',
    get: async (address, signal) => {
      await gate.enter(callOf('get', address), signal);
      return structuredClone(store.read(address)?.object);
    },
    list: async (collection, { limit, continue: token } = {}, signal) => {
      await gate.enter(callOf('list', collection), signal);
      const rest =
        token === undefined
          ? { items: store.list(collection), resourceVersion: String(store.revision()) }
          : pages.get(token);
      if (!rest) throw clusterFault(); // 410 while paging
      return structuredClone(cut(rest, limit ?? Infinity, pages));
    },
    watch: async function* (collection, resourceVersion, signal) {
      await gate.enter(callOf('watch', collection), signal);
      yield* watches.open(collection, resourceVersion, signal);
    },
    create: (collection, body, options) => {
      const address = { resource: collection.resource, ...namespaceOf(collection), name: nameIn(body) };
      return write('create', address, { body, options, plan: (sent) => planCreate(store, address, sent) });
    },
    replace: (address, body, options) =>
      write('replace', address, { body, options, plan: (sent) => planReplace(store, address, sent) }),
    apply: (address, body, options) =>
      write('apply', address, {
        body,
        options,
        plan: (sent) => planApply(store, address, sent, options.fieldManager),
      }),
    patch: (address, body, options) =>
      write('patch', address, { body, options, plan: (sent) => planPatch(store, address, sent) }),
    remove: async (address, precondition = {}) => {
      await gate.enter(callOf('remove', address));
      const object = store.read(address)?.object;
      const { uid = object?.metadata.uid, resourceVersion = object?.metadata.resourceVersion } = precondition;
      if (!object || uid !== object.metadata.uid || resourceVersion !== object.metadata.resourceVersion)
        return false;
      markDeleted(store, address, now());
      return true;
    },
    version: () => Promise.resolve('v1.37.2'),
    close: async () => {
      watches.end();
    },

    put: (resource, object) => {
      const given = structuredClone(object) as KubeObject;
      const address = { resource, ...namespaceOf(given.metadata), name: given.metadata.name };
      return structuredClone(store.write(address, { object: given, owners: new Map() }));
    },
    peek: (address) => structuredClone(store.read(address)?.object),
    deny: (hook) => {
      hooks.add(hook);
      return () => void hooks.delete(hook);
    },
    expire: () => {
      pages.clear();
      store.forgetHistory();
      watches.wake();
    },
    bookmark: watches.bookmark,
    endWatches: watches.end,
    watchCount: watches.count,
  };
}

type Place = Pick<ObjectAddress, 'resource' | 'subresource'> & {
  readonly namespace?: string;
  readonly name?: string;
};

function callOf(verb: ClusterCall['verb'], { resource, namespace, name, subresource }: Place): ClusterCall {
  const place = { ...(namespace !== undefined && { namespace }), ...(name !== undefined && { name }) };
  return { verb, resource: resource.plural, ...place, ...(subresource !== undefined && { subresource }) };
}

function namespaceOf({ namespace }: { readonly namespace?: string }): { readonly namespace?: string } {
  return namespace === undefined ? {} : { namespace };
}

function nameIn(object: object): string {
  const { metadata } = object as Json;
  if (!isJson(metadata)) return '';
  const { name, generateName } = metadata;
  if (typeof name === 'string') return name;
  return typeof generateName === 'string' ? `${generateName}${randomBytes(3).toString('hex')}` : '';
}

function cut(
  { items, resourceVersion }: { readonly items: readonly KubeObject[]; readonly resourceVersion: string },
  limit: number,
  pages: Map<string, { readonly items: readonly KubeObject[]; readonly resourceVersion: string }>,
): Page {
  if (items.length <= limit) return { items, resourceVersion };
  const token = randomBytes(8).toString('base64url');
  pages.set(token, { items: items.slice(limit), resourceVersion });
  return { items: items.slice(0, limit), resourceVersion, continue: token };
}

/** An object with finalizers stays, marked as deleted, until they are removed. */
function markDeleted(store: Store, address: ObjectAddress, now: Date): void {
  const stored = store.read(address);
  if (!stored) return;
  if (!hasFinalizers(stored.object)) {
    store.remove(address);
    return;
  }
  const metadata = {
    ...stored.object.metadata,
    deletionTimestamp: now.toISOString().replace(/\.\d+Z$/, 'Z'),
  };
  store.write(address, { ...stored, object: { ...stored.object, metadata } });
}

function finalize(store: Store, address: ObjectAddress): void {
  const object = store.read(address)?.object;
  if (object?.metadata.deletionTimestamp !== undefined && !hasFinalizers(object)) store.remove(address);
}

function hasFinalizers({ metadata }: KubeObject): boolean {
  return Array.isArray(metadata.finalizers) && metadata.finalizers.length > 0;
}
