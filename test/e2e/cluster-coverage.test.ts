import { expect } from 'chai';
import type { Outcome } from './support/programs/command.ts';
import { admitted, BAD, GOOD, refused } from './support/installation/coverage-fixture.ts';
import { openClusterFixture, type ClusterFixture } from './support/cluster/cluster-fixture.ts';
import { policy } from './support/installation/policies.ts';
import { ROLLOUT_KIND, rollout, rolloutCrd } from './support/cluster/rollouts.ts';
import { until } from './support/wait.ts';
import { deployment, kindNamed, oneContainer, pod, WORKLOAD_KINDS } from './support/workload-objects.ts';

const NAMESPACE = 'shop';
const WITHIN_MS = 20_000;
const SELF_TEST_MS = 1_000;
/** No policy covers it at first; later it is quarantined. */
const TURNING = 'registry.example.com/turning/web:1';
/** Quarantined where the namespace has not opted out. */
const OPTIONAL = 'registry.example.com/optional/web:1';
/** Quarantined in the namespace `shop`, by the name that only the API server writes. */
const NAMED = 'registry.example.com/named/web:1';
const OPT_OUT = 'pratique.dev/opt-out';
const AUTOSCALER = 'system:serviceaccount:kube-system:horizontal-pod-autoscaler';

function shut(name: string, glob: string, namespaceSelector?: object): object {
  return policy(name, glob, {
    match: { images: [glob], ...(namespaceSelector && { namespaceSelector }) },
    require: { quarantine: { images: [glob] } },
  });
}

describe('admission coverage with an installation', () => {
  let fixture: ClusterFixture;

  before(async () => {
    fixture = await openClusterFixture({
      values: { workloadKinds: [ROLLOUT_KIND], settings: { selfTest: { everyMs: SELF_TEST_MS } } },
      prepare: (cluster) => cluster.apply(rolloutCrd()),
    });
    const { cluster } = fixture;
    await cluster.apply(shut('shut', '**/shut/**'));
    await cluster.apply(
      shut('optional', '**/optional/**', { matchExpressions: [{ key: OPT_OUT, operator: 'DoesNotExist' }] }),
    );
    await cluster.apply(
      shut('named', '**/named/**', { matchLabels: { 'kubernetes.io/metadata.name': NAMESPACE } }),
    );
    for (const image of [BAD, OPTIONAL, NAMED]) await untilTried(image, false);
  });

  after(() => fixture.stop());

  const kubectl = (args: readonly string[], input?: object): Promise<Outcome> =>
    fixture.cluster.kubectl(
      ['-n', NAMESPACE, ...args],
      input === undefined ? {} : { input: JSON.stringify(input) },
    );
  const create = (object: object, ...flags: readonly string[]) =>
    kubectl(['create', ...flags, '-f', '-'], object);
  const patch = (what: string, change: object) =>
    kubectl(['patch', what, '--type=merge', '-p', JSON.stringify(change)]);
  const tried = (image: string) => create(pod('tried', image), '--dry-run=server');
  const untilTried = (image: string, allowed: boolean) =>
    until({
      what: `${image} ${allowed ? 'admitted' : 'refused'}`,
      withinMs: WITHIN_MS,
      check: async () => ((await tried(image)).code === 0) === allowed,
    });
  const untilGone = (what: string, withinMs = WITHIN_MS) =>
    until({
      what: `the end of ${what}`,
      withinMs,
      check: async () => (await kubectl(['get', what])).stderr.includes('NotFound'),
    });
  /** Runs something while {@link TURNING} is quarantined. */
  const whileTurned = async (run: () => Promise<void>): Promise<void> => {
    await fixture.cluster.apply(shut('turned', '**/turning/**'));
    await untilTried(TURNING, false);
    try {
      await run();
    } finally {
      await fixture.cluster.kubectl(['delete', 'imagepolicy', 'turned']);
      await untilTried(TURNING, true);
    }
  };

  for (const { kind, path, make } of WORKLOAD_KINDS) {
    it(`a ${kind} is judged by the rules of the chart`, async () => {
      await refused(create(make('placed', oneContainer(BAD))), `(${path}.containers[0].image)`);
      await admitted(create(make('placed', oneContainer(GOOD)), '--dry-run=server'));
    });
  }

  it('nothing is judged in the namespace of the release and in kube-system', async () => {
    for (const namespace of [fixture.installation.namespace, 'kube-system'])
      await admitted(
        fixture.cluster.kubectl(['create', 'deployment', 'exempt', '-n', namespace, `--image=${BAD}`]),
      );
  });

  describe('B03: more pods by the subresource', () => {
    const KINDS = ['Deployment', 'ReplicaSet', 'StatefulSet', 'ReplicationController'] as const;
    const scale = (what: string, replicas: number, ...flags: readonly string[]) =>
      kubectl(['scale', what, `--replicas=${String(replicas)}`, ...flags]);
    const make = (kind: string, name: string, image: string) => {
      const object = kindNamed(kind).make(name, oneContainer(image));
      return { ...object, spec: { ...(object.spec as object), replicas: 1 } };
    };
    /** As the autoscaler does it: a whole Scale, under its own name and with its own rights. */
    const autoscale = async (what: string, replicas: number): Promise<Outcome> => {
      const read = await kubectl(['get', what, '--subresource=scale', '-o', 'json']);
      const current = JSON.parse(read.stdout) as { spec: object; metadata: { name: string } };
      const url = `/apis/apps/v1/namespaces/${NAMESPACE}/deployments/${current.metadata.name}/scale`;
      const wanted = { ...current, spec: { ...current.spec, replicas } };
      return kubectl(['replace', '--raw', url, '-f', '-', `--as=${AUTOSCALER}`], wanted);
    };

    for (const kind of KINDS) {
      it(`a ${kind} with an image that is now refused gets no more pods, and one with a good image does`, async () => {
        const [turning, good] = ['turning', 'good'].map((name) => `${kind}/${name}`) as [string, string];
        await admitted(create(make(kind, 'turning', TURNING)));
        await admitted(create(make(kind, 'good', GOOD)));
        await whileTurned(async () => {
          await refused(scale(turning, 3), '(spec.template.spec.containers[0].image)', ': Quarantined: ');
          await refused(scale(turning, 3, '--dry-run=server'), ': Quarantined: ');
          await refused(patch(turning, { spec: { replicas: 3 } }), ': Quarantined: ');
          await admitted(scale(good, 3));
          await admitted(scale(turning, 0));
          await refused(scale(turning, 1), ': Quarantined: ');
        });
        await admitted(scale(turning, 2));
        for (const what of [turning, good]) await admitted(kubectl(['delete', what]));
      });
    }

    it('the autoscaler is subject to admission like every user', async () => {
      await admitted(create(deployment('busy', TURNING, 1)));
      await admitted(create(deployment('busy-good', GOOD, 1)));
      await whileTurned(async () => {
        const asked = await autoscale('deployment/busy', 5);
        expect(asked.code).to.equal(1);
        expect(asked.stderr).to.contain('images.pratique.dev').and.to.contain(': Quarantined: ');
        await admitted(autoscale('deployment/busy-good', 5));
        await admitted(autoscale('deployment/busy', 0));
      });
      await admitted(autoscale('deployment/busy', 2));
    });

    it('a Deployment that is being deleted gets no more pods either, and its finalizers can be removed', async () => {
      const object = deployment('leaving', TURNING, 1);
      const finalizers = ['coverage.example.com/hold'];
      await admitted(create({ ...object, metadata: { ...object.metadata, finalizers } }));
      await admitted(kubectl(['delete', 'deployment/leaving', '--wait=false']));
      await whileTurned(async () => {
        await refused(scale('deployment/leaving', 2), ': Quarantined: ');
        const change = { spec: { template: { spec: oneContainer(BAD) } } };
        await refused(patch('deployment/leaving', change), ': Quarantined: ');
        await admitted(kubectl(['label', 'deployment/leaving', 'still=there']));
        await admitted(patch('deployment/leaving', { metadata: { finalizers: null } }));
        await untilGone('deployment/leaving');
      });
    });
  });

  describe('a custom kind that the values name', () => {
    const PATH = 'spec.template.spec';

    it('is judged in every place, on creation and on update', async () => {
      await refused(create(rollout('web', oneContainer(BAD), 0)), `(${PATH}.containers[0].image)`);
      const init = { ...oneContainer(GOOD), initContainers: [{ name: 'init', image: BAD }] };
      await refused(create(rollout('web', init, 0)), `(${PATH}.initContainers[0].image)`);
      await admitted(create(rollout('web', oneContainer(GOOD), 1)));
      const change = { spec: { template: { spec: oneContainer(BAD) } } };
      await refused(patch('rollouts/web', change), `(${PATH}.containers[0].image)`);
    });

    it('gets no more pods with an image that is now refused, by update or by scale', async () => {
      await admitted(create(rollout('turning', oneContainer(TURNING), 1)));
      await whileTurned(async () => {
        await refused(patch('rollouts/turning', { spec: { replicas: 2 } }), ': Quarantined: ');
        await refused(kubectl(['scale', 'rollouts/turning', '--replicas=2']), ': Quarantined: ');
        await admitted(kubectl(['scale', 'rollouts/web', '--replicas=2']));
        await admitted(kubectl(['scale', 'rollouts/turning', '--replicas=0']));
      });
      await admitted(kubectl(['scale', 'rollouts/turning', '--replicas=3']));
    });

    it('is included in the self-test, which reports when it is not enforced', async () => {
      const untilLogged = (line: string) =>
        until({
          what: `the self-test to say "${line}"`,
          withinMs: 2 * WITHIN_MS,
          check: async () => {
            const pages = await Promise.all(fixture.replicas.map((one) => one.page('/readyz')));
            return pages.some(({ body }) => body.includes(line));
          },
        });
      await untilLogged('self-test: proven, ');
      const what = 'validatingwebhookconfiguration/pratique';
      const { stdout } = await kubectl(['get', what, '-o', 'json']);
      const { webhooks } = JSON.parse(stdout) as {
        webhooks: readonly { readonly rules: readonly { readonly apiGroups: readonly string[] }[] }[];
      };
      const rules = webhooks[0]?.rules ?? [];
      const others = rules.filter(({ apiGroups }) => !apiGroups.includes(ROLLOUT_KIND.apiGroup));
      const withRules = (value: object): Promise<Outcome> => {
        const change = [{ op: 'replace', path: '/webhooks/0/rules', value }];
        return kubectl(['patch', what, '--type=json', '-p', JSON.stringify(change)]);
      };
      await admitted(withRules(others));
      await untilLogged('self-test: Rollout containers: not enforced');
      await admitted(withRules(rules));
      await untilLogged('self-test: proven, ');
    });

    it('cannot be created by the controller itself, except in dry runs', async () => {
      const create = ['create', '--as=system:serviceaccount:pratique:pratique', '-f', '-'];
      const input = JSON.stringify(rollout('canary', oneContainer(GOOD), 0));
      await admitted(fixture.cluster.kubectl([...create, '--dry-run=server'], { input }));
      const { stderr } = await fixture.cluster.kubectl(create, { input });
      expect(stderr).to.contain('dry runs only');
    });
  });

  describe('B09: policies that select namespaces', () => {
    const label = (...labels: readonly string[]) =>
      fixture.cluster.kubectl(['label', 'namespace', NAMESPACE, '--overwrite', ...labels]);

    it('use the label that they name, and no other', async () => {
      await admitted(label(`${OPT_OUT}-wanted=true`, 'pratique.dev/enforce=false'));
      await refused(tried(OPTIONAL), ': Quarantined: ', '[policy optional]');
      await admitted(label(`${OPT_OUT}=please`));
      await untilTried(OPTIONAL, true);
      await refused(tried(BAD), ': Quarantined: ');
      await admitted(label(`${OPT_OUT}-`));
      await untilTried(OPTIONAL, false);
    });

    it('can select by name, because no user can rename a namespace', async () => {
      await label('kubernetes.io/metadata.name=elsewhere');
      await refused(tried(NAMED), ': Quarantined: ', '[policy named]');
    });

    it('apply to a namespace that was created a moment ago', async () => {
      for (const [index, optOut] of [false, true, false, true, false].entries()) {
        const name = `new-${String(index)}`;
        const metadata = { name, ...(optOut && { labels: { [OPT_OUT]: 'yes' } }) };
        const object = deployment('web', OPTIONAL, 0);
        const items = [
          { apiVersion: 'v1', kind: 'Namespace', metadata },
          { ...object, metadata: { ...object.metadata, namespace: name } },
        ];
        const made = fixture.cluster.kubectl(['create', '-f', '-'], {
          input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }),
        });
        if (optOut) await admitted(made);
        else await refused(made, ': Quarantined: ', '[policy optional]');
      }
    });
  });

  it('a namespace can be deleted with all refused objects in it', async () => {
    const { cluster } = fixture;
    await cluster.createNamespace('going');
    const inside = (...args: readonly string[]) => cluster.kubectl(['-n', 'going', ...args]);
    await admitted(inside('create', 'deployment', 'web', `--image=${TURNING}`, '--replicas=2'));
    await admitted(inside('run', 'alone', `--image=${TURNING}`));
    const hold = JSON.stringify({ metadata: { finalizers: ['coverage.example.com/hold'] } });
    await admitted(inside('patch', 'pod/alone', '--type=merge', '-p', hold));
    await whileTurned(async () => {
      await admitted(cluster.kubectl(['delete', 'namespace', 'going', '--wait=false']));
      const release = JSON.stringify({ metadata: { finalizers: null } });
      await until({
        what: 'the pod to be on its way',
        withinMs: WITHIN_MS,
        check: async () =>
          (await inside('get', 'pod/alone', '-o', 'jsonpath={.metadata.deletionTimestamp}')).stdout !== '',
      });
      await admitted(inside('patch', 'pod/alone', '--type=merge', '-p', release));
      await untilGone('namespace/going', 3 * WITHIN_MS);
    });
  });

  it('B01: kubectl debug with an unsigned image is refused, with a signed one it is not', async () => {
    await admitted(create(pod('debugged', GOOD)));
    const debug = (image: string) =>
      kubectl(['debug', 'debugged', '--attach=false', `--image=${image}`, '--', 'sh']);
    const unsigned = await fixture.push('debug-unsigned');
    await refused(debug(unsigned), '(spec.ephemeralContainers[0].image)', ': Unsigned: ');
    await admitted(debug(await fixture.push('debug-signed', fixture.keys.release)));
    await refused(debug(unsigned), '(spec.ephemeralContainers[1].image)', '1 of 1 images refused');
  });

  it('B16: a dry run has the same decision as a real request, and stores nothing', async () => {
    const unsigned = await fixture.push('dry-unsigned');
    const signed = await fixture.push('dry-signed', fixture.keys.release);
    await refused(create(pod('dry', unsigned), '--dry-run=server'), ': Unsigned: ');
    await admitted(create(pod('dry', signed), '--dry-run=server'));
    expect((await kubectl(['get', 'pod/dry'])).code).to.equal(1);
  });
});
