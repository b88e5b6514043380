import { readFile, rename, writeFile } from 'node:fs/promises';
import { expect } from 'chai';
import {
  openCluster,
  watchCollection,
  type Change,
  type Cluster as Client,
  type Reflector,
  type RequestEvent,
} from '../../src/clients/kubernetes/index.ts';
import type { ClusterOptions } from '../../src/clients/kubernetes/cluster.ts';
import { Fault } from '../../src/core/model/index.ts';
import { describeCluster } from '../clients/kubernetes/cluster-contract.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';
import { openNetworkCut, type NetworkCut } from './support/cluster/network-cut.ts';
import { startCluster, type Cluster } from './support/cluster/cluster.ts';
import { useAllSeats } from './support/cluster/flow-control.ts';
import { until } from './support/wait.ts';

const CONFIG_MAPS = { group: '', version: 'v1', plural: 'configmaps' } as const;
/** For what a machine that is busy otherwise does within seconds. */
const WITHIN_MS = 45_000;

type Data = Readonly<Record<string, string>>;

describe('the Kubernetes client', () => {
  let cluster: Cluster;
  let cable: NetworkCut;
  let folder: TemporaryFolder;
  const opened: { close(): Promise<void> }[] = [];
  before(async () => {
    folder = await temporaryFolder();
    cluster = await startCluster();
    cable = await openNetworkCut(cluster.server);
  });
  afterEach(async () => {
    cable.mend();
    await Promise.all(opened.splice(0).map((each) => each.close()));
  });
  after(async () => {
    await cable.stop();
    await cluster.stop();
    await folder.remove();
  });

  const soon = (what: string, check: () => boolean): Promise<void> =>
    until({ what, withinMs: WITHIN_MS, check: () => Promise.resolve(check()) });

  async function openClient(kubeconfig: string, options: Partial<ClusterOptions> = {}): Promise<Client> {
    const client = await openCluster({
      kubeconfig,
      userAgent: 'pratique-e2e/0.0.0',
      ...options,
    });
    if (!client.ok) throw new Error(JSON.stringify(client.problems));
    return client.value;
  }

  /** The administrator's kubeconfig, by way of the cable. */
  async function cabled(): Promise<string> {
    const text = await readFile(cluster.kubeconfigPath, 'utf8');
    return folder.write('cabled', text.replaceAll(cluster.server, cable.url));
  }

  interface Watching {
    readonly reflector: Reflector<Data>;
    readonly changes: Change<Data>[];
    readonly troubles: unknown[];
    readonly requests: RequestEvent[];
    lists(): number;
    has(name: string, value: string | undefined): Promise<void>;
  }

  /** Keeps the ConfigMaps of a namespace in memory, and returns when they are. */
  async function watchMaps(kubeconfig: string, namespace: string, hasty?: 'hasty'): Promise<Watching> {
    const [changes, troubles, requests]: [Change<Data>[], unknown[], RequestEvent[]] = [[], [], []];
    const client = await openClient(kubeconfig, {
      onRequest: (event) => requests.push(event),
      ...(hasty && { requestTimeoutMs: 3_000 }),
    });
    const reflector = watchCollection<Data>({
      cluster: client,
      collection: { resource: CONFIG_MAPS, namespace, fieldSelector: 'metadata.name!=kube-root-ca.crt' },
      select: (object) => object.data as Data,
      onChange: (change) => changes.push(change),
      onError: (error) => troubles.push(error),
      backoff: { baseMs: 50, maxMs: 500 },
      ...(hasty && { staleAfterMs: 2_000 }),
    });
    opened.push({ close: () => reflector.close().then(() => client.close()) });
    await reflector.synced;
    const lists = (): number => requests.filter(({ verb }) => verb === 'list').length;
    await soon('the watch', () => requests.some(({ verb, status }) => verb === 'watch' && status === 200));
    const has = (name: string, value: string | undefined): Promise<void> =>
      soon(`${name} = ${value ?? 'nothing'}`, () => reflector.get(name, namespace)?.value === value);
    return { reflector, changes, troubles, requests, lists, has };
  }

  const put = (namespace: string, name: string, value: string): Promise<void> =>
    cluster.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data: { value } });
  const remove = async (namespace: string, name: string): Promise<void> => {
    expect((await cluster.kubectl(['delete', 'configmap', name, '-n', namespace])).code).to.equal(0);
  };

  describe('keeps the contract', () => {
    describeCluster(() => openClient(cluster.kubeconfigPath));
  });

  it('survives the loss of a watch, and continues at its version', async () => {
    await cluster.createNamespace('watch-loss');
    const on = await watchMaps(await cabled(), 'watch-loss');
    await put('watch-loss', 'web', '1');
    await on.has('web', '1');
    cable.cut();
    await put('watch-loss', 'web', '2');
    await on.has('web', '2');
    expect(on.lists()).to.equal(1);
    expect(on.troubles).to.not.be.empty;
  });

  it('survives a connection that receives nothing any more', async () => {
    await cluster.createNamespace('silence');
    const on = await watchMaps(await cabled(), 'silence', 'hasty');
    cable.freeze();
    await put('silence', 'web', '1');
    await on.has('web', '1');
    expect(on.lists()).to.be.greaterThan(1);
  });

  it('survives a version that is too old (410): objects that were deleted meanwhile are reported', async () => {
    await cluster.createNamespace('too-old');
    await put('too-old', 'gone', '1');
    await put('too-old', 'kept', '1');
    const on = await watchMaps(await cabled(), 'too-old');
    cable.cut('refuse');
    await remove('too-old', 'gone');
    await put('too-old', 'new', '1');
    await cluster.stopApiserver(); // after the restart it has no earlier changes
    await cluster.startApiserver();
    on.changes.length = 0;
    cable.mend();
    await on.has('new', '1');
    expect(on.changes.map(({ type, name }) => [type, name])).to.deep.equal([
      ['removed', 'gone'],
      ['set', 'new'],
    ]);
    expect(on.lists()).to.be.greaterThan(1);
  });

  it('reports a watch from a version that is too old as expired', async () => {
    const client = await openClient(cluster.kubeconfigPath);
    opened.push(client);
    const events: string[] = [];
    const collection = { resource: CONFIG_MAPS, namespace: 'default' };
    for await (const { type } of client.watch(collection, '1', AbortSignal.timeout(WITHIN_MS)))
      events.push(type);
    expect(events).to.deep.equal(['expired']);
  });

  it('survives a restart of the API server', async () => {
    await cluster.createNamespace('restart');
    await put('restart', 'web', '1');
    const on = await watchMaps(cluster.kubeconfigPath, 'restart');
    await cluster.stopApiserver();
    await soon('troubles', () => on.troubles.length > 2);
    expect(on.troubles.every((one) => one instanceof Fault && one.side === 'cluster')).to.equal(true);
    expect(on.reflector.get('web', 'restart')).to.deep.equal({ value: '1' });
    await cluster.startApiserver();
    await put('restart', 'web', '2');
    await on.has('web', '2');
  });

  describe('as a ServiceAccount', () => {
    before(async () => {
      await cluster.createNamespace('robots');
      await createRobot();
      await cluster.apply({
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'RoleBinding',
        metadata: { name: 'robot', namespace: 'robots' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'edit' },
        subjects: [{ kind: 'ServiceAccount', name: 'robot', namespace: 'robots' }],
      });
    });

    const createRobot = (): Promise<void> =>
      cluster.apply({
        apiVersion: 'v1',
        kind: 'ServiceAccount',
        metadata: { name: 'robot', namespace: 'robots' },
      });

    /** Writes a token of the robot to the file of its kubeconfig, atomically. */
    async function giveToken(): Promise<void> {
      const { stdout, stderr } = await cluster.kubectl(['create', 'token', 'robot', '-n', 'robots']);
      expect(stderr).to.equal('');
      await rename(await folder.write('token.new', stdout), `${folder.path}/token`);
    }

    async function robot(server = cable.url): Promise<string> {
      await giveToken();
      await writeFile(`${folder.path}/ca.crt`, cluster.caPem);
      return folder.write(`robot-${new URL(server).port}`, {
        'current-context': 'robot',
        clusters: [{ name: 'e2e', cluster: { server, 'certificate-authority': 'ca.crt' } }],
        users: [{ name: 'robot', user: { tokenFile: 'token' } }],
        contexts: [{ name: 'robot', context: { cluster: 'e2e', user: 'robot' } }],
      });
    }

    it('receives a refusal as a value for writes, and as a Fault for reads', async () => {
      const client = await openClient(await robot());
      opened.push(client);
      const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'web' } };
      const written = await client.create({ resource: CONFIG_MAPS, namespace: 'default' }, map);
      expect(written).to.include({ ok: false, status: 403, reason: 'Forbidden' });
      const read = client.list({ resource: CONFIG_MAPS, namespace: 'default' });
      expect(await read.catch((error: unknown) => error)).to.include({
        code: 'ClusterDenied',
        transient: false,
      });
    });

    it('survives a token that became invalid', async () => {
      const on = await watchMaps(await robot(), 'robots');
      // The token dies with its ServiceAccount; the new one of the same name has the same rights.
      expect((await cluster.kubectl(['delete', 'serviceaccount', 'robot', '-n', 'robots'])).code).to.equal(0);
      await createRobot();
      await until({
        what: '401',
        withinMs: WITHIN_MS, // the API server remembers good tokens for ten seconds
        everyMs: 500,
        check: () => {
          cable.cut();
          return Promise.resolve(on.requests.some(({ status }) => status === 401));
        },
      });
      await giveToken();
      await put('robots', 'web', '1');
      await on.has('web', '1');
    });

    it('survives a 429 with Retry-After', async () => {
      const on = await watchMaps(await robot(), 'robots');
      const client = await openClient(await robot(cluster.server));
      opened.push(client);
      const release = await useAllSeats(cluster, { namespace: 'robots', name: 'robot' }, client);
      try {
        await until({
          what: '429',
          withinMs: WITHIN_MS,
          everyMs: 500,
          check: () => {
            cable.cut();
            return Promise.resolve(on.requests.filter(({ status }) => status === 429).length > 1);
          },
        });
      } finally {
        await release();
      }
      await put('robots', 'late', '1');
      await on.has('late', '1');
    });
  });
});
