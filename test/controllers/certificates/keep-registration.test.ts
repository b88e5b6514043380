import { expect } from 'chai';
import { setImmediate as turn } from 'node:timers/promises';
import { keepRegistration } from '../../../src/controllers/certificates/index.ts';
import { parseSettings } from '../../../src/core/settings/index.ts';
import { RESOURCES } from '../../../src/core/workload/index.ts';
import { clusterFault, createClusterTwin, type ClusterTwin } from '../../support/twins/cluster.ts';

const NAMESPACE = 'pratique';
const DEPLOYMENTS = { group: 'apps', version: 'v1', plural: 'deployments' };
const MINUTE_MS = 60_000;
const PATHS = { validating: '/validate', mutating: '/mutate' } as const;

type Which = keyof typeof PATHS;

describe('keepRegistration', () => {
  let twin: ClusterTwin;
  let nowMs: number;
  let lines: string[];
  let stop: AbortController;
  let running: Promise<void>;
  beforeEach(() => {
    [twin, nowMs, lines] = [createClusterTwin(), Date.parse('2030-01-01T00:00:00Z'), []];
    [stop, running] = [new AbortController(), Promise.resolve()];
  });
  afterEach(async () => {
    stop.abort();
    await running;
  });

  const put = (which: Which, service: object, url?: string) =>
    twin.put(RESOURCES[which], {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'Any',
      metadata: { name: 'pratique' },
      webhooks: [{ name: `${which}.pratique.dev`, clientConfig: url === undefined ? { service } : { url } }],
    });
  const tasks = () => {
    const settings = parseSettings({ certificates: { source: 'Files' } });
    if (!settings.ok) throw new Error(JSON.stringify(settings.problems));
    const log = (fields: object, message: string) => void lines.push(JSON.stringify({ fields, message }));
    return keepRegistration({
      ...{ settings: settings.value, cluster: twin, namespace: NAMESPACE },
      ...{ secretData: () => undefined, clock: () => new Date(nowMs) },
      log: { info: log, warn: log, error: log },
    });
  };
  const start = () => {
    const { run, onSecret } = tasks();
    running = run(stop.signal);
    /** Checks until it is so. */
    return async (what: () => boolean): Promise<void> => {
      for (let count = 0; count < 2_000 && !what(); count += 1) {
        onSecret('pratique-webhook-path');
        await turn();
      }
      expect(what(), lines.join('\n')).to.equal(true);
    };
  };
  const named = (which: Which): string => {
    const found = twin.peek({ resource: RESOURCES[which], name: 'pratique' }) as unknown as {
      webhooks: { clientConfig: { url?: string; service?: { path?: string } } }[];
    };
    const { url, service } = found.webhooks[0]!.clientConfig;
    return url ?? service?.path ?? '';
  };
  const stored = (key = 'secret'): string => {
    const address = { resource: RESOURCES.secrets, namespace: NAMESPACE, name: 'pratique-webhook-path' };
    const { data = {} } = (twin.peek(address) ?? {}) as { data?: Record<string, string> };
    return Buffer.from(data[key] ?? '', 'base64').toString();
  };
  const isNamed = () =>
    stored() !== '' &&
    (['validating', 'mutating'] as const).every((which) =>
      named(which).endsWith(`${PATHS[which]}/${stored()}`),
    );

  it('C05 gives a secret to every webhook, of a Service or a URL, also where certificates come from files', async () => {
    put('validating', { name: 'a', namespace: NAMESPACE });
    put('mutating', {}, 'https://acme.example.com/mutate');
    const check = start();
    await check(() => stored('plain') === 'true');
    expect(isNamed(), 'not before every replica knows it').to.equal(false);
    nowMs += MINUTE_MS;
    await check(isNamed);
    expect(named('validating')).to.match(/^\/validate\/[0-9a-f]{64}$/);
    expect(named('mutating')).to.match(/^https:\/\/acme\.example\.com\/mutate\/[0-9a-f]{64}$/);
  });

  it('C06 logs what it did, and what the API server refuses, without a path', async () => {
    put('validating', { name: 'a', namespace: NAMESPACE });
    put('mutating', { name: 'a', namespace: NAMESPACE });
    const check = start();
    await check(isNamed);
    await check(() => lines.length >= 3);
    expect(lines.join('\n')).to.contain('validating.pratique.dev').and.not.contain(stored());
  });

  it('C05 every replica makes the secret when it starts, and leaves the registration to the leader', async () => {
    put('validating', { name: 'a', namespace: NAMESPACE, path: '/validate' });
    put('mutating', { name: 'a', namespace: NAMESPACE });
    await Promise.all([tasks().prepare(stop.signal), tasks().prepare(stop.signal)]);
    const first = stored();
    expect(first).to.match(/^[0-9a-f]{64}$/);
    expect(stored('plain')).to.equal('true');
    await tasks().prepare(stop.signal);
    expect(stored()).to.equal(first);
    expect([named('validating'), named('mutating')]).to.deep.equal(['/validate', '']);
  });

  const rollouts: readonly (readonly [string, object, boolean])[] = [
    ['is not observed', { observedGeneration: 0, replicas: 2, updatedReplicas: 2 }, false],
    ['has pods of a former template', { observedGeneration: 1, replicas: 3, updatedReplicas: 2 }, false],
    ['has no new pod yet', { observedGeneration: 1, replicas: 2 }, false],
    [
      'ended just now',
      { observedGeneration: 1, replicas: 2, updatedReplicas: 2, conditions: [ended(10_000)] },
      false,
    ],
    [
      'ended a minute ago',
      { observedGeneration: 1, replicas: 2, updatedReplicas: 2, conditions: [ended(MINUTE_MS)] },
      true,
    ],
    ['shows no time', { observedGeneration: 1, replicas: 2, updatedReplicas: 2 }, true],
  ];
  function ended(agoMs: number) {
    const lastUpdateTime = new Date(Date.parse('2030-01-01T00:05:00Z') - agoMs).toISOString();
    return { type: 'Progressing', status: 'True', reason: 'NewReplicaSetAvailable', lastUpdateTime };
  }
  for (const [what, status, isOver] of rollouts)
    it(`C05 ${isOver ? 'replaces' : 'keeps'} the plain path where the rollout ${what}`, async () => {
      put('validating', { name: 'a', namespace: NAMESPACE, path: '/validate' });
      put('mutating', { name: 'a', namespace: NAMESPACE, path: '/mutate' });
      const metadata = { name: 'pratique', namespace: NAMESPACE, generation: 1 };
      twin.put(DEPLOYMENTS, { apiVersion: 'apps/v1', kind: 'Deployment', metadata, status });
      const check = start();
      await check(() => stored('plain') === 'true');
      nowMs = Date.parse('2030-01-01T00:05:00Z');
      const before = twin.count({ verb: 'get', resource: 'deployments' });
      await check(() => isNamed() || twin.count({ verb: 'get', resource: 'deployments' }) > before + 3);
      expect(isNamed()).to.equal(isOver);
    });

  it('C04 goes on after a failure of the API server', async () => {
    put('validating', { name: 'a', namespace: NAMESPACE });
    put('mutating', { name: 'a', namespace: NAMESPACE });
    twin.fail({ verb: 'create', resource: 'secrets' }, clusterFault('ClusterUnavailable'), 1);
    await start()(isNamed);
    expect(lines[0]).to.contain('it is tried again');
  });
});
