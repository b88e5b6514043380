import { expect } from 'chai';
import {
  createEventRecorder,
  openCluster,
  runElection,
  writeStatus,
  type Cluster as ApiServer,
  type Election,
} from '../../src/clients/kubernetes/index.ts';
import { startCluster, type Cluster } from './support/cluster/cluster.ts';
import { until } from './support/wait.ts';

/** Whole seconds, as in a Lease; short, because the test waits for them. */
const DURATIONS = { durationMs: 4_000, renewDeadlineMs: 2_500, retryMs: 500 } as const;
/** A try hangs at most half a deadline behind, and jitter adds a fifth of a pause. */
const SLACK_MS = 2_500;

const EVENTS = { group: 'events.k8s.io', version: 'v1', plural: 'events' } as const;
const LEASES = { group: 'coordination.k8s.io', version: 'v1', plural: 'leases' } as const;

/** An API server that can be cut off. */
function cuttable(server: ApiServer): { readonly cluster: ApiServer; cut: () => void } {
  let isCut = false;
  const never = <T>(signal: AbortSignal | undefined): Promise<T> =>
    new Promise((_resolve, reject) => {
      signal?.addEventListener('abort', () => {
        reject(new Error('cut off'));
      });
    });
  return {
    cut: () => {
      isCut = true;
    },
    cluster: {
      ...server,
      get: (address, signal) => (isCut ? never(signal) : server.get(address, signal)),
      create: (to, object, options) => (isCut ? never(options?.signal) : server.create(to, object, options)),
      replace: (at, object, options) =>
        isCut ? never(options?.signal) : server.replace(at, object, options),
    },
  };
}

describe('writes of a controller to a real API server', () => {
  let cluster: Cluster;
  const opened: ApiServer[] = [];

  async function open(): Promise<ApiServer> {
    const { kubeconfigPath } = cluster;
    const server = await openCluster({ kubeconfig: kubeconfigPath, userAgent: 'pratique-test/0' });
    if (!server.ok) throw new Error(JSON.stringify(server.problems));
    opened.push(server.value);
    return server.value;
  }

  before(async () => {
    cluster = await startCluster();
  });
  after(async () => {
    await Promise.all(opened.map((each) => each.close()));
    await cluster.stop();
  });

  describe('the Lease', () => {
    const log: { readonly what: string; readonly at: number }[] = [];
    const troubles: unknown[] = [];
    const moment = (what: string): number => log.find((entry) => entry.what === what)?.at ?? NaN;
    const came = (what: string): Promise<void> =>
      until({ what, withinMs: 20_000, check: () => Promise.resolve(!Number.isNaN(moment(what))) });
    const note = (what: string): void => void log.push({ what, at: performance.now() });

    function enter(server: ApiServer, identity: string): Election {
      return runElection({
        ...DURATIONS,
        cluster: server,
        namespace: 'default',
        name: 'pratique',
        identity,
        onError: (error) => troubles.push(error),
        lead: (signal) =>
          new Promise((resolve) => {
            note(`${identity} begins`);
            signal.addEventListener('abort', () => {
              note(`${identity} stops`);
              resolve();
            });
          }),
      });
    }

    it('passes to the next leader after a cut, later than the old leader stops, and at once after a release', async () => {
      const [server, other] = await Promise.all([open(), open()]);
      const line = cuttable(server);
      const first = enter(line.cluster, 'first');
      await came('first begins');
      const second = enter(other, 'second');
      await until({
        what: 'the second sees the first',
        withinMs: 10_000,
        check: async () => second.holder() === 'first',
      });

      line.cut();
      note('cut');
      await came('second begins');
      const { durationMs, renewDeadlineMs, retryMs } = DURATIONS;
      expect(moment('first stops')).to.be.below(moment('second begins'));
      expect(moment('first stops') - moment('cut')).to.be.below(renewDeadlineMs + SLACK_MS);
      expect(moment('second begins') - moment('cut')).to.be.within(
        durationMs - 2 * retryMs,
        durationMs + SLACK_MS,
      );

      const third = enter(server, 'third');
      await until({
        what: 'the third sees the second',
        withinMs: 10_000,
        check: async () => third.holder() === 'second',
      });
      note('let go');
      await second.close();
      await came('third begins');
      expect(moment('third begins') - moment('let go')).to.be.below(durationMs - retryMs);

      await Promise.all([first.close(), third.close()]);
      const lease = await server.get({ resource: LEASES, namespace: 'default', name: 'pratique' });
      expect(lease?.spec).to.include({ holderIdentity: '', leaseTransitions: 2 });
    });
  });

  it('accept events, count their series, and appear in kubectl', async () => {
    const server = await open();
    const failures: unknown[] = [];
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'noted', namespace: 'default' } };
    const { resource, namespace } = {
      resource: { group: '', version: 'v1', plural: 'configmaps' },
      namespace: 'default',
    };
    const created = await server.create({ resource, namespace }, object);
    if (!created.ok) throw new Error(created.message);
    const { uid = '' } = created.object.metadata;
    const record = async (note: string, count: number, regarding: object = {}): Promise<void> => {
      const recorder = createEventRecorder({
        cluster: server,
        namespaceOfClusterScoped: 'default',
        reportingInstance: 'pratique-0',
        clock: () => new Date(),
        onFailure: (error) => failures.push(error),
      });
      const about = { apiVersion: 'v1', kind: 'ConfigMap', name: 'noted', namespace, uid, ...regarding };
      for (let n = 0; n < count; n += 1) {
        recorder.record({ regarding: about, type: 'Warning', reason: 'Unsigned', action: 'Audit', note });
      }
      await recorder.close();
    };
    await record('once', 1);
    await record('often', 3);
    await record('often', 2);
    await record('ü'.repeat(2_000), 1);
    expect(failures).to.deep.equal([]);
    const { items } = await server.list({ resource: EVENTS, namespace });
    const about = items.filter(({ regarding }) => (regarding as { uid?: string }).uid === uid);
    const counts = Object.fromEntries(
      about.map(({ note, series }) => [
        String(note).slice(0, 5),
        (series as { count?: number } | undefined)?.count,
      ]),
    );
    expect(counts).to.deep.equal({ once: undefined, often: 5, üüüüü: undefined });
    const shown = await cluster.kubectl(['describe', 'configmap', 'noted']);
    expect(shown.stdout).to.contain('Unsigned').and.to.contain('often');
  });

  it('include a status by server-side apply from several writers', async () => {
    const server = await open();
    const address = { resource: { group: '', version: 'v1', plural: 'namespaces' }, name: 'default' };
    const condition = (type: string): object => ({
      conditions: [
        { type, status: 'True', reason: 'Test', lastTransitionTime: '2030-01-02T03:04:05Z', message: '' },
      ],
    });
    const write = (fieldManager: string, status: object): Promise<unknown> =>
      writeStatus(server, { address, apiVersion: 'v1', kind: 'Namespace', fieldManager }, status);
    await write('one', condition('example.com/One'));
    await write('two', condition('example.com/Two'));
    await write('one', {});
    const { conditions } = ((await server.get(address))?.status ?? {}) as { conditions?: { type: string }[] };
    expect(conditions?.map(({ type }) => type)).to.deep.equal(['example.com/Two']);
  });
});
