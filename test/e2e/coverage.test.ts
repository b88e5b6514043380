import { expect } from 'chai';
import {
  admitted,
  BAD,
  coveragePolicies,
  GOOD,
  NAMESPACE,
  openCoverageFixture,
  refused,
  type CoverageFixture,
} from './support/installation/coverage-fixture.ts';
import {
  startAdmissionFixture,
  TIMEOUT_SECONDS,
  type AdmissionFixture,
} from './support/installation/admission-fixture.ts';
import { until } from './support/wait.ts';
import { registerWebhook } from './support/installation/webhook-registration.ts';
import {
  deployment,
  IMAGE_PLACES,
  kindNamed,
  oneContainer,
  pod,
  WORKLOAD_KINDS,
  type KubeManifest,
} from './support/workload-objects.ts';

describe('admission coverage with a real API server', () => {
  let fixture: AdmissionFixture;
  let guarded: CoverageFixture;

  before(async () => {
    fixture = await startAdmissionFixture(coveragePolicies);
    guarded = await openCoverageFixture(fixture);
  });

  after(() => fixture.stop());

  const kubectl: CoverageFixture['kubectl'] = (...asked) => guarded.kubectl(...asked);
  const create: CoverageFixture['create'] = (...asked) => guarded.create(...asked);
  const patch: CoverageFixture['patch'] = (...asked) => guarded.patch(...asked);

  describe('B02: in every place of every kind', () => {
    for (const { kind, path, make } of WORKLOAD_KINDS) {
      for (const { place, field, podSpec } of IMAGE_PLACES) {
        it(`${place} of a ${kind} is judged`, async () => {
          const object = make('placed', podSpec(BAD, GOOD));
          await refused(create(object), `(${path}.${field})`, ': Quarantined: ');
          await admitted(create(make('placed', podSpec(GOOD, GOOD)), '--dry-run=server'));
        });
      }
    }
  });

  describe('B01: kubectl debug', () => {
    before(() => admitted(create(pod('running', GOOD))));

    const debug = (image: string, ...flags: readonly string[]) =>
      kubectl(['debug', 'running', '--attach=false', `--image=${image}`, ...flags, '--', 'sh']);

    it('is judged by the image that it adds', async () => {
      await refused(debug(BAD), '(spec.ephemeralContainers[0].image)', ': Quarantined: ');
      await admitted(debug(GOOD));
      await refused(debug(BAD), '(spec.ephemeralContainers[1].image)', '1 of 1 images refused');
    });

    it('is judged when it copies the pod and changes other images as well', async () => {
      await refused(debug(BAD, '--copy-to=copied'), ': Quarantined: ');
      await refused(debug(GOOD, '--copy-to=copied', `--set-image=web=${BAD}`), ': Quarantined: ');
    });
  });

  it('B03: a template is judged while it has no replicas', async () => {
    await refused(create(deployment('empty', BAD, 0)), '(spec.template.spec.containers[0].image)');
  });

  it('B03: a template is judged again when a patch raises its replicas from zero', async () => {
    const { tag, move } = await guarded.signed('asleep');
    await admitted(create(deployment('asleep', tag, 0)));
    await move();
    await refused(patch('deployment/asleep', { spec: { replicas: 1 } }), ': Unsigned: ');
    await admitted(patch('deployment/asleep', { metadata: { labels: { still: 'asleep' } } }));
  });

  it('B03: scaling up by the subresource is refused when its object cannot be read; scaling down is allowed', async () => {
    const remove = await registerWebhook(fixture.cluster, {
      name: 'scale.images.pratique.dev',
      url: `${fixture.webhook.url}/validate`,
      caPem: fixture.webhook.caPem,
      timeoutSeconds: TIMEOUT_SECONDS,
      rules: [
        {
          apiGroups: ['apps', ''],
          apiVersions: ['v1'],
          operations: ['CREATE', 'UPDATE'],
          resources: [
            'deployments/scale',
            'replicasets/scale',
            'statefulsets/scale',
            'replicationcontrollers/scale',
          ],
        },
      ],
    });
    try {
      for (const name of ['ReplicationController', 'Deployment', 'ReplicaSet', 'StatefulSet']) {
        const { make } = kindNamed(name);
        const object = make('scaled', oneContainer(GOOD)) as KubeManifest & { readonly spec: object };
        await admitted(create({ ...object, spec: { ...object.spec, replicas: 2 } }));
        const { code, stderr } = await kubectl(['scale', `${name}/scaled`, '--replicas=3']);
        expect(code, name).to.equal(1);
        expect(stderr).to.contain('ParentUnknown: ').and.contain('"scaled" in namespace coverage');
        await admitted(kubectl(['scale', `${name}/scaled`, '--replicas=2']));
        await admitted(kubectl(['scale', `${name}/scaled`, '--replicas=0']));
        await admitted(kubectl(['delete', `${name}/scaled`]));
      }
    } finally {
      await remove();
    }
  });

  it('B04: one change that lowers the replicas and sets another image is judged', async () => {
    await admitted(create(deployment('lowered', GOOD, 2)));
    const change = { spec: { replicas: 0, template: { spec: oneContainer(BAD) } } };
    await refused(patch('deployment/lowered', change), ': Quarantined: ');
    await admitted(kubectl(['delete', 'deployment/lowered']));
  });

  it('B05: an object that is being deleted is judged like any other, and its finalizers can be removed', async () => {
    const finalizers = ['coverage.example.com/hold'];
    await admitted(create(pod('held', GOOD, { finalizers })));
    await admitted(kubectl(['delete', 'pod/held', '--wait=false']));
    expect(await guarded.read('pod/held')).to.have.nested.property('metadata.deletionTimestamp');
    await refused(guarded.setImage('pod/held', BAD), ': Quarantined: ');
    await admitted(patch('pod/held', { metadata: { finalizers: null } }));
    await until({
      what: 'the held pod to go',
      withinMs: 10_000,
      check: async () => (await kubectl(['get', 'pod/held'])).code !== 0,
    });
  });

  it('B05: a new object with a deletionTimestamp is judged', async () => {
    const deletionTimestamp = '2026-01-01T00:00:00Z';
    await refused(create(pod('claimed', BAD, { deletionTimestamp, deletionGracePeriodSeconds: 0 })));
  });

  it('B06: a pod with a made-up owner, or a borrowed one, is judged', async () => {
    await admitted(create(kindNamed('ReplicaSet').make('owner', oneContainer(GOOD))));
    const owner = (await guarded.read('replicaset/owner')).metadata as { uid: string };
    for (const uid of ['00000000-0000-4000-8000-000000000000', owner.uid]) {
      const ownerReferences = [
        { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'owner', uid, controller: true },
      ];
      const labels = { app: 'coverage' };
      await refused(create(pod('owned', BAD, { ownerReferences, labels })), ': Quarantined: ');
    }
  });

  it('B07: pods that a controller creates are judged, and judged again after their tag moved', async () => {
    const { tag, move } = await guarded.signed('made');
    await admitted(create(deployment('made', tag, 1)));
    const pods = async (): Promise<string> =>
      (await kubectl(['get', 'pods', '-l', 'app=made', '-o', 'name'])).stdout.trim();
    await until({ what: 'a pod', withinMs: 30_000, check: async () => (await pods()).startsWith('pod/') });
    await move();
    await admitted(kubectl(['delete', await pods(), '--wait=false']));
    await until({
      what: 'the controller to be refused',
      withinMs: 30_000,
      check: async () => {
        const { stdout } = await kubectl(['get', 'replicasets', '-l', 'app=made', '-o', 'json']);
        return stdout.includes('ReplicaFailure') && stdout.includes(': Unsigned: ');
      },
    });
    expect(await pods()).to.equal('');
    await admitted(kubectl(['delete', 'deployment/made']));
  });

  it('B08: claims in an object have no effect, on creation and on update', async () => {
    const claims = {
      annotations: { 'pratique.dev/verified': 'true', 'pratique.dev/original-images': '{}' },
      labels: { 'pratique.dev/verdict': 'allow' },
    };
    await refused(create(pod('boasting', BAD, claims)), ': Quarantined: ');
    await admitted(create(pod('boasting', GOOD, claims)));
    await refused(guarded.setImage('pod/boasting', BAD), ': Quarantined: ');
  });

  it('B09: a policy that selects namespaces stays in force in one whose labels are unknown, whatever its owner writes', async () => {
    const image = `${fixture.olareg.host}/selected/web:v1`;
    const named = pod('selected', image);
    await refused(create(named), 'NamespaceUnknown');
    await admitted(fixture.cluster.kubectl(['label', 'namespace', NAMESPACE, 'pratique.dev/enforce=false']));
    await refused(create(named), 'NamespaceUnknown');
  });

  it('B15: the object is judged in its final state at the API server, however the change was written', async () => {
    await admitted(create(pod('changed', GOOD)));
    const where = '(spec.containers[0].image)';
    await refused(guarded.setImage('pod/changed', BAD), where);
    await refused(kubectl(['set', 'image', 'pod/changed', `web=${BAD}`]), where);
    const apply = ['apply', '--server-side', '--force-conflicts', '-f', '-'];
    await refused(kubectl(apply, pod('changed', BAD)), where);
    const strategic = JSON.stringify({ spec: oneContainer(BAD) });
    await refused(kubectl(['patch', 'pod/changed', '--type=strategic', '-p', strategic]), where);
  });

  it('B16: a dry run has the same decision as a real request, and stores nothing', async () => {
    await refused(create(pod('dry', BAD), '--dry-run=server'), ': Quarantined: ');
    await admitted(create(pod('dry', GOOD), '--dry-run=server'));
    expect((await kubectl(['get', 'pod/dry'])).code).to.equal(1);
  });

  it('B17: containers that share a name do not hide each other, nor do many', async () => {
    const twins = [
      { name: 'web', image: GOOD },
      { name: 'web', image: BAD },
    ];
    // The API server may refuse such a pod before it calls a webhook. It never admits it.
    const { code } = await create(kindNamed('Pod').make('twins', { containers: twins }));
    expect(code).to.equal(1);
    const many = Array.from({ length: 200 }, (_, index) => ({
      name: `c${index}`,
      image: index === 150 ? BAD : GOOD,
    }));
    await refused(
      create(kindNamed('Pod').make('many', { containers: many })),
      '(spec.containers[150].image)',
      '1 of 200 images refused',
    );
  });

  it('B18: requests without a pod spec are allowed, though the rules include them', async () => {
    const remove = await registerWebhook(fixture.cluster, {
      name: 'stray.images.pratique.dev',
      url: `${fixture.webhook.url}/validate`,
      caPem: fixture.webhook.caPem,
      timeoutSeconds: TIMEOUT_SECONDS,
      rules: [
        {
          apiGroups: [''],
          apiVersions: ['v1'],
          operations: ['*'],
          resources: ['pods/eviction', 'pods/binding', 'serviceaccounts/token', 'configmaps'],
        },
      ],
    });
    try {
      await admitted(create(pod('stray', GOOD)));
      await admitted(kubectl(['create', 'configmap', 'stray', `--from-literal=image=${BAD}`]));
      await admitted(kubectl(['delete', 'configmap', 'stray']));
      await admitted(kubectl(['create', 'token', 'default']));
      const url = (subresource: string) => `/api/v1/namespaces/${NAMESPACE}/pods/stray/${subresource}`;
      const binding = {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { name: 'stray' },
        target: { kind: 'Node', name: 'node-1' },
      };
      await admitted(kubectl(['create', '--raw', url('binding'), '-f', '-'], binding));
      const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'stray' } };
      await admitted(kubectl(['create', '--raw', url('eviction'), '-f', '-'], eviction));
    } finally {
      await remove();
    }
  });

  it('an object that would be refused now can be labelled, scaled down, freed of finalizers and deleted', async () => {
    const { tag, move } = await guarded.signed('outdated');
    const object = deployment('outdated', tag, 3);
    const finalizers = ['coverage.example.com/hold'];
    await admitted(create({ ...object, metadata: { ...object.metadata, finalizers } }));
    await move();
    await refused(patch('deployment/outdated', { spec: { replicas: 4 } }), ': Unsigned: ');
    await admitted(patch('deployment/outdated', { metadata: { labels: { seen: 'yes' } } }));
    await admitted(patch('deployment/outdated', { metadata: { annotations: { note: 'moved' } } }));
    await admitted(patch('deployment/outdated', { spec: { replicas: 1 } }));
    await admitted(kubectl(['scale', 'deployment/outdated', '--replicas=0']));
    await admitted(kubectl(['delete', 'deployment/outdated', '--wait=false']));
    await admitted(patch('deployment/outdated', { metadata: { finalizers: null } }));
    await until({
      what: 'the outdated Deployment to go',
      withinMs: 10_000,
      check: async () => (await kubectl(['get', 'deployment/outdated'])).code !== 0,
    });
  });
});
