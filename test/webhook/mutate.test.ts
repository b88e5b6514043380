import { expect } from 'chai';
import { digestOf } from '../../src/core/model/index.ts';
import { workloadTable } from '../../src/core/workload/index.ts';
import { review } from '../../src/webhook/index.ts';
import { WRAPPINGS } from '../core/workload/objects.ts';
import { ABSENT, UNKNOWN_FACT, found, policyOf, type WrittenSpec } from '../support/policies.ts';
import { podReview } from '../support/reviews.ts';
import { applyPatch } from './json-patch.ts';
import { changed, containers, digestFor, podOf } from './mutations.ts';
import { judgedImage, refused, testPorts } from './ports.ts';

const WEB = 'registry.example.com/shop/web:1.4';
const SIDE = 'registry.example.com/shop/side';
const OTHER = 'other.example.com/tools:1';
const PINNED = `${WEB}@${digestOf('old')}`;

const withDigest = (image: string, name = image) => `${image}@${digestFor(name)}`;
const pinning = (spec: WrittenSpec = {}) =>
  policyOf({ match: { images: ['registry.example.com/**'] }, pinDigests: true, require: {}, ...spec });

describe('digests at admission', () => {
  it('B12 are added to images that a pinning policy covers, and the tag stays', async () => {
    const asked = podReview([WEB, SIDE, OTHER, PINNED]);
    const { object, steps, ports } = await changed(asked);
    expect(steps).to.deep.equal([
      { op: 'replace', path: '/spec/containers/0/image', value: withDigest(WEB) },
      { op: 'replace', path: '/spec/containers/1/image', value: withDigest(SIDE, `${SIDE}:latest`) },
    ]);
    expect(object).to.have.nested.property('spec.containers[2].image', OTHER);
    expect(object).to.have.nested.property('spec.containers[3].image', PINNED);
    expect(ports.mutations).to.have.length(1);
    expect(ports.mutations[0]).to.deep.include({
      uid: asked.request.uid,
      kind: 'Pod',
      namespace: 'shop',
      name: 'web',
      operation: 'CREATE',
      dryRun: false,
      pinned: [withDigest(WEB), withDigest(SIDE, `${SIDE}:latest`)],
      warnings: [],
    });
  });

  it('keep the name as its author wrote it', async () => {
    const { steps } = await changed(podReview(['nginx:1.27', 'nginx']), {
      policies: () => [pinning({ match: { images: ['docker.io/**'] } })],
    });
    expect(steps.map(({ value }) => value)).to.deep.equal([
      withDigest('nginx:1.27', 'docker.io/library/nginx:1.27'),
      withDigest('nginx', 'docker.io/library/nginx:latest'),
    ]);
  });

  it('B12 are not added by a policy that does not pin, nor without a policy', async () => {
    for (const policies of [[], [pinning({ pinDigests: false })]]) {
      const { response, ports } = await changed(podReview([WEB]), { policies: () => policies });
      expect(response).to.have.all.keys('uid', 'allowed');
      expect(ports.asked).to.deep.equal([]);
      expect(ports.mutations).to.deep.equal([]);
    }
  });

  for (const enforcement of ['Deny', 'Warn', 'Audit']) {
    it(`are added whatever the enforcement is: ${enforcement}`, async () => {
      const { steps } = await changed(podReview([WEB]), { policies: () => [pinning({ enforcement })] });
      expect(steps).to.have.length(1);
    });
  }

  it('are resolved once for each distinct image, with the pull secrets of the object', async () => {
    const spec = {
      ...containers(WEB, WEB, SIDE, `${SIDE}:latest`),
      imagePullSecrets: [{ name: 'pull' }],
      serviceAccountName: 'robot',
    };
    const { steps, ports } = await changed(podReview([], { object: podOf(spec) }));
    expect(ports.asked).to.deep.equal([
      {
        images: [WEB, `${SIDE}:latest`],
        credentials: { namespace: 'shop', pullSecrets: ['pull'], serviceAccount: 'robot' },
      },
    ]);
    expect(steps).to.have.length(4);
    expect(steps[0]?.value).to.equal(steps[1]?.value);
  });

  for (const { kind, path, around } of WRAPPINGS) {
    it(`B02 are added in every place of a ${kind.kind}, in the order of its fields`, async () => {
      const spec = {
        volumes: [
          { name: 'v', emptyDir: {} },
          { name: 'model', image: { reference: WEB } },
        ],
        ephemeralContainers: [{ name: 'debug', image: WEB }],
        initContainers: [{ name: 'proxy', image: WEB, restartPolicy: 'Always' }],
        containers: [{ name: 'web', image: WEB }],
      };
      const { steps } = await changed(podReview([], { kind, object: around(spec) }));
      const at = `/${path.replaceAll('.', '/')}`;
      expect(steps).to.deep.equal(
        [
          'containers/0/image',
          'initContainers/0/image',
          'ephemeralContainers/0/image',
          'volumes/1/image/reference',
        ].map((place) => ({ op: 'replace', path: `${at}/${place}`, value: withDigest(WEB) })),
      );
    });
  }

  it('B02 are added to custom kinds that the settings name', async () => {
    const table = workloadTable([{ apiGroup: 'acme.example', kind: 'CloneSet', podSpec: 'spec.pod-spec' }]);
    const kind = { group: 'acme.example', version: 'v1', kind: 'CloneSet' };
    const asked = podReview([], { kind, object: { spec: { 'pod-spec': containers(WEB) } } });
    const { steps } = await changed(asked, table.ok ? { workloads: table.value } : {});
    expect(steps.map((step) => step.path)).to.deep.equal(['/spec/pod-spec/containers/0/image']);
    expect((await changed(asked)).steps).to.deep.equal([]);
  });

  it('B17 are not added to empty images, nor to a text that is no reference', async () => {
    const { response, ports } = await changed(
      podReview(['', ' ', ' nginx', 'Registry.example.com//x', 'x@y']),
      {
        policies: () => [pinning({ match: { images: ['**'] } })],
      },
    );
    expect(response).to.have.all.keys('uid', 'allowed');
    expect(ports.asked).to.deep.equal([]);
  });
});

describe('the namespace of a pinned object', () => {
  const selecting = pinning({
    match: { images: ['**'], namespaceSelector: { matchLabels: { env: 'production' } } },
  });

  it('decides whether a policy that selects namespaces pins', async () => {
    for (const [env, count] of [
      ['production', 1],
      ['test', 0],
    ] as const) {
      const { response, steps, ports } = await changed(podReview([WEB]), {
        policies: () => [selecting],
        namespaceLabels: async () => found({ env }),
      });
      expect(steps).to.have.length(count);
      expect(response.warnings).to.equal(undefined);
      expect(ports.asked).to.have.length(count);
    }
  });

  it('is not read while no pinning policy selects namespaces', async () => {
    const namespaceLabels = () => Promise.reject(new Error('was asked'));
    const policies = () => [pinning(), { ...selecting, pinDigests: false }];
    const { steps, ports } = await changed(podReview([WEB]), { policies, namespaceLabels });
    expect(steps).to.have.length(1);
    expect(ports.reported).to.deep.equal([]);
  });

  it('B09 prevents pinning when its labels are unknown, with a warning, except by other policies', async () => {
    for (const labels of [UNKNOWN_FACT, ABSENT]) {
      const { steps, response } = await changed(podReview([WEB, OTHER]), {
        policies: () => [pinning(), selecting],
        namespaceLabels: async () => labels,
      });
      expect(steps.map(({ value }) => value)).to.deep.equal([withDigest(WEB)]);
      expect(response.warnings).to.have.length(1);
      expect(response.warnings?.[0])
        .to.include('spec.containers[1].image')
        .and.include(labels.state === 'unknown' ? labels.reason.code : 'NamespaceUnknown');
    }
  });
});

describe('a change of an object', () => {
  const update = (object: unknown, oldObject: unknown, more: object = {}) =>
    changed(podReview([], { operation: 'UPDATE', object, oldObject, ...more }));

  it('pins the images of a Pod that changed, and no other', async () => {
    const { steps } = await update(podOf(containers(WEB, `${SIDE}:2`)), podOf(containers(WEB, SIDE)));
    expect(steps.map(({ path }) => path)).to.deep.equal(['/spec/containers/1/image']);
  });

  it('B01 pins a debug container in the subresource', async () => {
    const ephemeralContainers = [{ name: 'debugger', image: SIDE, targetContainerName: 'c0' }];
    const { steps } = await update(
      podOf({ ...containers(WEB), ephemeralContainers }),
      podOf(containers(WEB)),
      {
        subResource: 'ephemeralcontainers',
      },
    );
    expect(steps).to.deep.equal([
      {
        op: 'replace',
        path: '/spec/ephemeralContainers/0/image',
        value: withDigest(SIDE, `${SIDE}:latest`),
      },
    ]);
  });

  const kind = { group: 'apps', version: 'v1', kind: 'Deployment' };
  const deployment = (replicas: number, labels: object, ...images: readonly string[]) => ({
    metadata: { labels },
    spec: { replicas, template: { spec: containers(...images) } },
  });

  it('pins a whole template when it is judged as a whole', async () => {
    const before = deployment(1, {}, WEB, SIDE);
    for (const object of [deployment(1, {}, WEB, `${SIDE}:2`), deployment(2, {}, WEB, SIDE)]) {
      expect((await update(object, before, { kind })).steps).to.have.length(2);
    }
  });

  it('pins nothing when it adds no image', async () => {
    const before = deployment(3, {}, WEB);
    for (const object of [before, deployment(2, {}, WEB), deployment(3, { a: 'b' }, WEB)]) {
      const { response } = await update(object, before, { kind });
      expect(response).to.have.all.keys('uid', 'allowed');
    }
    const scale = { spec: { replicas: 3 } };
    const more = {
      kind: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
      resource: { group: 'apps', version: 'v1', resource: 'deployments' },
      subResource: 'scale',
    };
    expect((await update(scale, { spec: {} }, more)).response).to.have.all.keys('uid', 'allowed');
  });

  for (const operation of ['DELETE', 'CONNECT']) {
    it(`pins nothing on ${operation}`, async () => {
      const { response } = await changed(podReview([WEB], { operation }));
      expect(response).to.have.all.keys('uid', 'allowed');
    });
  }
});

describe('the patched object', () => {
  it('B14 B15 is judged in its final state: pinned by the patch, or unpinned when the patch was undone', async () => {
    const asked = podReview([WEB, SIDE]);
    const { object } = await changed(asked);
    const judged = async (final: unknown) => {
      const ports = testPorts({
        judge: async ({ images }) =>
          images.map((image) =>
            judgedImage(image, image.image.includes('@') ? [] : [refused({ reason: 'NotPinned' })]),
          ),
      });
      const body = Buffer.from(JSON.stringify({ ...asked, request: { ...asked.request, object: final } }));
      return (await review({ body, budgetMs: 5_000 }, ports)).answer.response;
    };
    expect((await judged(object)).allowed).to.equal(true);
    const undone = applyPatch(object, [{ op: 'replace', path: '/spec/containers/1/image', value: OTHER }]);
    expect((await judged(undone)).status?.message).to.include('1 of 2 images refused');
    expect((await judged(null)).status?.reason).to.equal('InvalidRequest');
    expect((await judged({})).status?.reason).to.equal('InvalidRequest');
  });

  it('is not changed again when it is seen a second time', async () => {
    for (const objects of ['All', 'Pods'] as const) {
      const asked = podReview([WEB, SIDE]);
      const { object } = await changed(asked, { objects });
      const again = await changed(
        { ...asked, request: { ...asked.request, object: object as never } },
        { objects },
      );
      expect(again.response).to.have.all.keys('uid', 'allowed');
    }
  });

  it('B16 is the same in a dry run', async () => {
    const asked = podReview([WEB]);
    const dry = { ...asked, request: { ...asked.request, dryRun: true } };
    expect((await changed(dry)).steps).to.deep.equal((await changed(asked)).steps);
  });
});
