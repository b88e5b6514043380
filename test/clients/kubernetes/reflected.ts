import { watchCollection, type Change, type Reflector } from '../../../src/clients/kubernetes/index.ts';
import type { ReflectorOptions } from '../../../src/clients/kubernetes/reflector/reflector.ts';
import type { Cluster, KubeObject } from '../../../src/clients/kubernetes/types.ts';
import { startApiServer, type ApiServer } from '../../support/api-server/index.ts';
import { isList, isWatch } from '../../support/api-server/http.ts';
import { ACME, CONFIG_MAPS, configMap, eventually, open } from './open.ts';

/** What is kept of a ConfigMap. */
export type Data = Readonly<Record<string, string>>;

/** A server, its client and the reports of a reflector: new for every test, and closed after it. */
export interface Reflected {
  server: ApiServer;
  cluster: Cluster;
  reflector: Reflector<Data> | undefined;
  changes: Change<Data>[];
  troubles: unknown[];
  put(name: string, value: string): KubeObject;
  remove(name: string): Promise<boolean>;
  /** Requests of this kind so far. */
  lists(): number;
  watches(): number;
  /** What the reflector holds. */
  value(name: string): string | undefined;
  /** Waits until the reflector holds it. */
  has(name: string, wanted: string | undefined): Promise<void>;
  /** Begins, and returns when it watches. */
  start(options?: Partial<ReflectorOptions<Data>>): Promise<Reflector<Data>>;
}

/** Registers hooks of mocha; what it answers is filled before each test. */
export function useReflector(): Reflected {
  const on = {
    put: (name, value) => on.server.twin.put(CONFIG_MAPS, configMap(name, { value })),
    remove: (name) => on.server.twin.remove({ ...ACME, name }),
    lists: () => on.server.requests.filter(isList).length,
    watches: () => on.server.requests.filter(isWatch).length,
    value: (name) => on.reflector?.get(name, 'acme')?.value,
    has: (name, wanted) => eventually(`${name} = ${String(wanted)}`, () => on.value(name) === wanted),
    start: async (options = {}) => {
      const reflector = watchCollection<Data>({
        cluster: on.cluster,
        collection: ACME,
        select: (object) => object.data as Data,
        onChange: (change) => on.changes.push(change),
        onError: (error) => on.troubles.push(error),
        backoff: { baseMs: 5, maxMs: 40 },
        ...options,
      });
      on.reflector = reflector;
      await reflector.synced;
      await eventually('the watch', () => on.server.twin.watchCount() > 0);
      return reflector;
    },
  } as Reflected;
  beforeEach(async () => {
    const server = await startApiServer();
    const cluster = await open(server.url, { requestTimeoutMs: 30_000 });
    Object.assign(on, { server, cluster, reflector: undefined, changes: [], troubles: [] });
  });
  afterEach(async () => {
    await on.reflector?.close();
    await on.cluster.close();
    await on.server.close();
  });
  return on;
}
