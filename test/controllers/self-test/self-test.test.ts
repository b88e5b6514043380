import { createSelfTest } from '../../../src/controllers/self-test/keep-self-test.ts';
import {
  customKindFinder,
  podFinder,
  tryCanaries,
  type SelfTestPorts,
  type SelfTestResult,
} from '../../../src/controllers/self-test/canaries.ts';
import { expect } from 'chai';
import { setTimeout as wait } from 'node:timers/promises';
import type { RunningPod } from '../../../src/core/workload/index.ts';
import { clusterFault, createClusterTwin, no, type ClusterTwin } from '../../support/twins/cluster.ts';

const PODS = { group: '', version: 'v1', plural: 'pods' };
const DEFINITIONS = { group: 'apiextensions.k8s.io', version: 'v1', plural: 'customresourcedefinitions' };
const ROLLOUTS = [{ apiGroup: 'argoproj.io', kind: 'Rollout', podSpec: 'spec.template.spec' }];
const NOW = new Date('2026-06-15T12:00:00Z');
const HEX = 'cd'.repeat(32);

const pod = (name: string, namespace: string, more: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace },
  spec: { containers: [{ name: 'web', image: 'registry.example.com/web' }] },
  ...more,
});
const rollouts = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'rollouts.argoproj.io' },
  spec: {
    group: 'argoproj.io',
    names: { kind: 'Rollout', plural: 'rollouts' },
    versions: [{ name: 'v1beta1' }, { name: 'v1alpha1', storage: true }],
  },
};

/** Refuses as the webhook does; objects for which `open` returns true are admitted. */
function guard(twin: ClusterTwin, open: (resource: string) => boolean = () => false): () => void {
  return twin.deny(({ resource, object }) => {
    if (open(resource) || !JSON.stringify(object).includes('self-test.pratique.invalid')) return undefined;
    const fields = [...fieldsOf(object)].map((field) => ` c (${field}): x [policy pratique-self-test]`);
    const head = 'admission webhook "images.pratique.dev" denied the request: refused';
    return no(403, 'Forbidden', [head, ...fields].join('\n'));
  });
}

function* fieldsOf(value: unknown, path = ''): Generator<string> {
  if (typeof value === 'string' && value.startsWith('self-test.')) yield path;
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    const step = Array.isArray(value) ? `[${key}]` : `.${key}`;
    yield* fieldsOf(inner, `${path}${step}`.replace(/^\./, ''));
  }
}

function fixture(more: Partial<SelfTestPorts> = {}) {
  const twin = createClusterTwin();
  const changes: SelfTestResult[] = [];
  const reported: unknown[] = [];
  const ports: SelfTestPorts = {
    create: (...asked) => twin.create(...asked),
    patch: (...asked) => twin.patch(...asked),
    findPod: podFinder({ list: (...asked) => twin.list(...asked) }),
    customKinds: customKindFinder({ list: (...asked) => twin.list(...asked), kinds: ROLLOUTS }),
    hex: () => HEX,
    clock: () => NOW,
    random: () => 0.5,
    report: (error) => reported.push(error),
    onChange: (result) => changes.push(result),
    ...more,
  };
  const attempt = (signal = new AbortController().signal) =>
    tryCanaries(ports, { namespace: 'default', signal });
  return { twin, ports, changes, reported, attempt };
}

const outcomes = ({ canaries }: Pick<SelfTestResult, 'canaries'>, outcome: string) =>
  canaries.filter((one) => one.outcome === outcome).map(({ id }) => id);

describe('one run of the self-test', () => {
  it('is proven when every canary is refused, with a pod and a custom kind', async () => {
    const { twin, attempt } = fixture();
    twin.put(PODS, pod('web', 'default'));
    twin.put(DEFINITIONS, rollouts);
    guard(twin);
    const verdict = await attempt();
    expect(verdict.state).to.equal('proven');
    expect(outcomes(verdict, 'proven'))
      .to.have.length(17)
      .and.include.members(['Rollout containers', 'Pod ephemeralContainers']);
    const writes = twin.calls.filter(({ verb }) => verb !== 'list');
    expect(
      writes.every(({ dryRun }) => dryRun === true),
      'nothing is ever stored',
    ).to.equal(true);
    expect(writes.map(({ subresource }) => subresource)).to.include('ephemeralcontainers');
  });

  it('O42 names the canaries that are admitted', async () => {
    const { twin, attempt } = fixture();
    guard(twin, (resource) => resource === 'cronjobs');
    const verdict = await attempt();
    expect(verdict.state).to.equal('not enforced');
    expect(outcomes(verdict, 'not enforced')).to.deep.equal(['CronJob containers']);
  });

  it('reports that there is no pod for ephemeral containers, which is no failure', async () => {
    const { twin, attempt } = fixture();
    guard(twin);
    const verdict = await attempt();
    expect(verdict.state).to.equal('proven');
    expect(outcomes(verdict, 'not applicable')).to.deep.equal(['Pod ephemeralContainers']);
  });

  it('has no proof while the API server is unavailable, for pods and custom kinds as well', async () => {
    const { twin, attempt, reported } = fixture();
    twin.fail({}, clusterFault());
    const verdict = await attempt();
    expect(verdict.state).to.equal('cannot tell');
    expect(outcomes(verdict, 'cannot tell')).to.have.length(verdict.canaries.length);
    expect(outcomes(verdict, 'cannot tell')).to.include.members(['Pod ephemeralContainers', 'custom kinds']);
    expect(reported).to.deep.equal([]);
  });

  it('has no proof for one canary whose answer was lost', async () => {
    const { twin, attempt } = fixture();
    guard(twin);
    twin.fail({ resource: 'jobs' }, clusterFault());
    const verdict = await attempt();
    expect(verdict.state).to.equal('cannot tell');
    expect(outcomes(verdict, 'cannot tell')).to.include('Job containers').and.not.include('Pod containers');
  });

  it('reports a bug, and has no proof', async () => {
    const bug = new TypeError('undefined is not a function');
    const { attempt, reported } = fixture({ create: () => Promise.reject(bug) });
    expect((await attempt()).state).to.equal('cannot tell');
    expect(reported).to.include(bug);
  });
});

describe('the pod for the canary of ephemeral containers', () => {
  const signal = new AbortController().signal;
  const rows: readonly [string, readonly object[], string | undefined][] = [
    ['is a pod of the namespace that is configured', [pod('far', 'shop'), pod('near', 'default')], 'near'],
    ['is no pod of another namespace', [pod('far', 'shop')], undefined],
    ['is no pod that has ended', [pod('done', 'default', { status: { phase: 'Succeeded' } })], undefined],
    [
      'is no pod that is being deleted',
      [
        pod('going', 'default', {
          metadata: { name: 'going', namespace: 'default', deletionTimestamp: '2026-06-15T12:00:00Z' },
        }),
      ],
      undefined,
    ],
    [
      'is no static pod of the kubelet',
      [
        pod('static', 'default', {
          metadata: {
            name: 'static',
            namespace: 'default',
            annotations: { 'kubernetes.io/config.mirror': 'x' },
          },
        }),
      ],
      undefined,
    ],
  ];
  for (const [sentence, pods, name] of rows) {
    it(sentence, async () => {
      const { twin, ports } = fixture();
      for (const one of pods) twin.put(PODS, one);
      const found: RunningPod | undefined = await ports.findPod('default', signal);
      expect(found?.name).to.equal(name);
    });
  }

  it('is searched in this namespace only, by one call', async () => {
    const { twin, ports } = fixture();
    twin.put(PODS, pod('far', 'shop'));
    await ports.findPod('default', signal);
    expect(twin.calls.map(({ namespace }) => namespace)).to.deep.equal(['default']);
  });

  it('is returned with its ephemeral containers', async () => {
    const { twin, ports } = fixture();
    const ephemeralContainers = [{ name: 'debug', image: 'shell' }];
    twin.put(PODS, pod('web', 'default', { spec: { containers: [], ephemeralContainers } }));
    expect(await ports.findPod('default', signal)).to.deep.include({ ephemeralContainers });
  });
});

describe('custom kinds of the settings', () => {
  const signal = new AbortController().signal;
  it('are found with their resource, in the storage version', async () => {
    const { twin, ports } = fixture();
    expect(await ports.customKinds?.(signal)).to.deep.equal([]);
    twin.put(DEFINITIONS, rollouts);
    expect(await ports.customKinds?.(signal)).to.deep.equal([
      {
        group: 'argoproj.io',
        version: 'v1alpha1',
        kind: 'Rollout',
        plural: 'rollouts',
        podSpec: 'spec.template.spec',
      },
    ]);
  });

  it('need no request when none is configured', async () => {
    const { twin } = fixture();
    const find = customKindFinder({ list: (...asked) => twin.list(...asked), kinds: [] });
    expect(await find(signal)).to.deep.equal([]);
    expect(twin.calls).to.deep.equal([]);
  });
});

describe('the self-test', () => {
  const value = (selfTest: ReturnType<typeof createSelfTest>, name: string) =>
    selfTest.gauges
      .find((gauge) => gauge.name === name)
      ?.read()
      .map((sample) => sample.value);
  const until = async (holds: () => boolean) => {
    while (!holds()) await wait(5); // the time limit of mocha ends this loop
  };

  it('has no result before its first run, and none after it was stopped', async () => {
    const { twin, ports, changes } = fixture();
    guard(twin);
    const selfTest = createSelfTest(ports, { namespace: 'default', everyMs: 60_000 });
    expect(selfTest.result().state).to.equal('not run yet');
    expect(value(selfTest, 'pratique_selftest_ok')).to.deep.equal([]);
    expect(value(selfTest, 'pratique_selftest_canaries')).to.deep.equal([]);
    expect(selfTest.lines()).to.deep.equal(['self-test: not run here']);
    const stop = new AbortController();
    const running = selfTest.run(stop.signal);
    await until(() => changes.length > 0);
    expect(selfTest.result()).to.include({ state: 'proven', at: NOW });
    expect(value(selfTest, 'pratique_selftest_ok')).to.deep.equal([1]);
    expect(value(selfTest, 'pratique_selftest_canaries')).to.deep.equal([15, 0, 0, 1]);
    expect(selfTest.lines()[0]).to.equal('self-test: proven, 15 of 16, 0 s ago');
    stop.abort();
    await running;
    expect(selfTest.result().state).to.equal('not run yet');
  });

  it('runs again and again, and reports only changes', async () => {
    const { twin, ports, changes } = fixture();
    const open = guard(twin);
    const selfTest = createSelfTest(ports, { namespace: 'default', everyMs: 1 });
    const stop = new AbortController();
    const running = selfTest.run(stop.signal);
    const runs = () =>
      twin.calls.filter(({ verb, resource }) => verb === 'create' && resource === 'cronjobs').length;
    await until(() => runs() >= 3);
    expect(changes.map(({ state }) => state)).to.deep.equal(['proven']);
    open();
    await until(() => changes.at(-1)?.state === 'not enforced');
    expect(value(selfTest, 'pratique_selftest_ok')).to.deep.equal([0]);
    stop.abort();
    await running;
  });

  it('reports nothing about a run that was stopped', async () => {
    const { twin, ports, changes } = fixture();
    const release = twin.hold({ verb: 'create' });
    const stop = new AbortController();
    const running = createSelfTest(ports, { namespace: 'default', everyMs: 1 }).run(stop.signal);
    await until(() => twin.calls.some(({ verb }) => verb === 'create'));
    stop.abort();
    release();
    await running;
    expect(changes).to.deep.equal([]);
  });
});
