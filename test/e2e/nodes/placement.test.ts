import { expect } from 'chai';
import { parseAllDocuments } from 'yaml';
import { startCluster, type Cluster } from '../support/cluster/cluster.ts';
import { openNodes, type Nodes } from '../support/cluster/nodes.ts';
import { RELEASE, renderChart } from '../support/helm.ts';
import { until } from '../support/wait.ts';

interface Pod {
  readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
  readonly spec: { readonly nodeName?: string };
}
interface Rendered {
  readonly kind: string;
  readonly metadata: { readonly name: string };
}

const ZONE = 'topology.kubernetes.io/zone';
const REPLICAS = `app.kubernetes.io/component=controller`;
/** For the scheduler and the controllers; pods are placed within a second. */
const WITHIN_MS = 30_000;
/** Installations for each set of labels: a placement by chance would be seen. */
const ROUNDS = 3;
/** Kubernetes takes up to 55 s to see that a node is dead, and the chart waits for 5 more. */
const REPLACED_WITHIN_MS = 75_000;

describe('the replicas of the chart, placed by a real scheduler', () => {
  let cluster: Cluster;
  let nodes: Nodes;

  before(async () => {
    cluster = await startCluster();
    nodes = await openNodes(cluster);
    await Promise.all([nodes.add('node1'), nodes.add('node2'), cluster.createNamespace(RELEASE)]);
    // One node is a little emptier than the other, as always.
    const web = {
      name: 'web',
      image: 'registry.example.com/web:1',
      resources: { requests: { cpu: '500m' } },
    };
    const spec = { nodeName: 'node2', containers: [web] };
    await cluster.apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'web', namespace: 'default' },
      spec,
    });
    const { code, stdout, stderr } = await renderChart();
    expect(code, stderr).to.equal(0);
    const objects = parseAllDocuments(stdout).map((document) => document.toJS() as Rendered | null);
    for (const object of objects)
      if (object?.metadata.name === RELEASE && ['ServiceAccount', 'Deployment'].includes(object.kind))
        await cluster.apply(object);
  });

  after(async () => {
    await nodes.stop();
    await cluster.stop();
  });

  const kubectl = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await cluster.kubectl(args);
    expect(code, stderr).to.equal(0);
    return stdout;
  };
  /** The nodes of the replicas that are not being deleted; none while one has no node. */
  const placed = async (selector = REPLICAS): Promise<readonly string[]> => {
    const { items } = JSON.parse(
      await kubectl('get', 'pods', '-n', RELEASE, '-l', selector, '-o', 'json'),
    ) as {
      readonly items: readonly Pod[];
    };
    const staying = items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    return staying.map(({ spec }) => spec.nodeName ?? '').toSorted();
  };
  const untilPlaced = async (count: number, within = WITHIN_MS): Promise<readonly string[]> => {
    let seen: readonly string[] = [];
    await until({
      what: `${count} replicas with a node`,
      withinMs: within,
      everyMs: 250,
      check: async () => {
        seen = await placed();
        if (seen.length === count && !seen.includes('')) return true;
        throw new Error(seen.join());
      },
    });
    return seen;
  };
  const replace = () =>
    kubectl('delete', 'pods', '-n', RELEASE, '-l', REPLICAS, '--force', '--grace-period=0', '--wait=true');

  const labels: readonly (readonly [string, readonly (readonly string[])[]])[] = [
    ['without zones', []],
    [
      'in one zone',
      [
        ['node1', `${ZONE}=a`],
        ['node2', `${ZONE}=a`],
      ],
    ],
    [
      'in two zones',
      [
        ['node1', `${ZONE}=a`],
        ['node2', `${ZONE}=b`],
      ],
    ],
    [
      'of which one has a zone',
      [
        ['node1', `${ZONE}=a`],
        ['node2', `${ZONE}-`],
      ],
    ],
  ];
  for (const [what, set] of labels) {
    it(`are on different nodes, of two ${what}`, async () => {
      for (const [node = '', label = ''] of set) await kubectl('label', 'node', node, label, '--overwrite');
      for (let round = 0; round < ROUNDS; round += 1) {
        expect(await untilPlaced(2), `round ${round}`).to.deep.equal(['node1', 'node2']);
        await replace();
      }
    });
  }

  it('are replaced on a node that is alive when theirs dies', async () => {
    await untilPlaced(2);
    const began = performance.now();
    nodes.kill('node2');
    await until({
      what: 'both replicas on the node that is alive',
      withinMs: REPLACED_WITHIN_MS,
      everyMs: 500,
      check: async () => (await placed()).join() === 'node1,node1',
    });
    const seconds = Math.round((performance.now() - began) / 1_000);
    console.error(`e2e: replicas of a dead node were replaced after ${seconds} s`);
  });

  it('are all on the only node of a cluster, also those of the next revision', async () => {
    await kubectl('delete', 'node', 'node2');
    await replace();
    expect(await untilPlaced(2)).to.deep.equal(['node1', 'node1']);
    await kubectl('rollout', 'restart', '-n', RELEASE, `deployment/${RELEASE}`);
    expect(await untilPlaced(3), 'the surge of a rollout').to.deep.equal(['node1', 'node1', 'node1']);
  });
});
