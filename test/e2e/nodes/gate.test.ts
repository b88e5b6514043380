import { join } from 'node:path';
import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { parseAllDocuments } from 'yaml';
import { pushBundleSignature } from '../../support/signed-images.ts';
import { signingKey } from '../../support/signing.ts';
import { renderChart, RELEASE } from '../support/helm.ts';
import { CONTROL_PLANE, hostsToml } from '../support/nodes/node-files.ts';
import { PRODUCT_REPOSITORY, pushProduct } from '../support/nodes/product-image.ts';
import { pushWaiting } from '../support/nodes/program-images.ts';
import { REGISTRY_PORT, startRealNodes, type RealNodes } from '../support/nodes/real-nodes.ts';
import { until } from '../support/wait.ts';

/** Of the range of Services, as the gate gets it: containerd knows no names of the cluster. */
const GATE = '10.0.0.80:443';
/** By this name images come through the gate alone. */
const CLOSED = 'registry.example.com';
/** By this one the gate is asked first, and then the registry itself. */
const OPEN = 'open.example.com';
const NAMESPACE = 'shop';

/** The value `image` of the chart. */
interface Image {
  readonly repository: string;
  readonly digest?: string;
}

const START_WITHIN_MS = 240_000;
const READY = ['--for=condition=Ready', '--timeout=90s'];

describe('the gate as the mirror of containerd, on a node with a kubelet', () => {
  let real: RealNodes;
  let images: Readonly<Record<'signed' | 'unsigned' | 'dns', string>>;
  let product: Awaited<ReturnType<typeof pushProduct>>;
  const kubectl = async (args: readonly string[], input?: string): Promise<string> => {
    const { code, stdout, stderr } = await real.cluster.kubectl(args, input === undefined ? {} : { input });
    if (code !== 0) throw new Error(stderr || stdout);
    return stdout.trim();
  };
  const runPod = (name: string, image: string): Promise<string> =>
    kubectl(['run', name, '-n', NAMESPACE, `--image=${image}`, '--image-pull-policy=Always']);
  const untilReady = (name: string): Promise<string> =>
    kubectl(['wait', '-n', NAMESPACE, `pod/${name}`, ...READY]);
  /** The message of the event by which the kubelet says that it could not pull. */
  const refusalOf = async (pod: string): Promise<string> => {
    let message = '';
    await until({
      what: `an event about the image of ${pod}`,
      withinMs: 60_000,
      everyMs: 250,
      check: async () => {
        const selector = `involvedObject.name=${pod},reason=Failed`;
        const read = ['get', 'events', '-n', NAMESPACE, `--field-selector=${selector}`, '-o', 'json'];
        const { items } = JSON.parse(await kubectl(read)) as { items: readonly { message: string }[] };
        message = items.find((one) => one.message.startsWith('Failed to pull'))?.message ?? '';
        return message !== '';
      },
    });
    return message;
  };
  const upstreamOf = (host: string): object => ({
    match: [`${host}/**`],
    registry: `${CONTROL_PLANE}:${String(REGISTRY_PORT)}`,
  });
  /** Installs the gate, with its own image from this place, or only what it has of one kind. */
  const installGate = async (image: Image, kind?: string): Promise<void> => {
    const gate = {
      upstreams: [CLOSED, OPEN].map(upstreamOf),
      exempt: [`${CLOSED}/platform/dns@${images.dns}`, `${CLOSED}/${PRODUCT_REPOSITORY}@${product.digest}`],
    };
    const values = {
      image,
      gate: { enabled: true, replicas: 1, service: { clusterIP: GATE.split(':')[0] } },
      settings: { gate, registries: { insecure: [`${CONTROL_PLANE}:${String(REGISTRY_PORT)}`] } },
    };
    const rendered = await renderChart(values, ['-s', 'templates/gate.yaml']);
    expect(rendered.code, rendered.stderr).to.equal(0);
    const objects = parseAllDocuments(rendered.stdout).filter(
      (one) => kind === undefined || one.get('kind') === kind,
    );
    await kubectl(['apply', '-f', '-'], objects.map(String).join('---\n'));
  };
  const untilRolledOut = (): Promise<string> =>
    kubectl(['rollout', 'status', `deployment/${RELEASE}-gate`, '-n', RELEASE, '--timeout=100s']);

  before(async function () {
    this.timeout(START_WITHIN_MS);
    const places = {
      [CLOSED]: hostsToml(GATE),
      [OPEN]: hostsToml(GATE, `${CONTROL_PLANE}:${String(REGISTRY_PORT)}`),
    };
    real = await startRealNodes({ count: 1, places });
    const { cluster, registry } = real;
    product = await pushProduct(registry.host);
    const key = signingKey();
    const push = async (repository: string): Promise<string> => {
      const target = { registry: registry.host, repository, tag: '1' };
      const pushed = await pushWaiting(target, repository);
      if (repository.endsWith('/signed')) await pushBundleSignature(target, pushed, key);
      return pushed.digest;
    };
    images = {
      signed: await push('shop/signed'),
      unsigned: await push('shop/unsigned'),
      dns: await push('platform/dns'),
    };
    for (const namespace of [NAMESPACE, RELEASE]) await cluster.createNamespace(namespace);
    const crds = join(import.meta.dirname, '..', '..', '..', 'crds', 'pratique.dev_imagepolicies.yaml');
    await kubectl(['apply', '-f', '-'], await readFile(crds, 'utf8'));
    await kubectl(['wait', '--for=condition=Established', 'crd/imagepolicies.pratique.dev', '--timeout=30s']);
    await cluster.apply({
      ...{ apiVersion: 'pratique.dev/v1alpha1', kind: 'ImagePolicy', metadata: { name: 'signed' } },
      spec: {
        match: { images: ['**'] },
        authorities: [{ name: 'release', key: { pem: key.pem } }],
        require: { signatures: { from: ['release'] } },
      },
    });
  });
  after(() => real.stop());

  it('starts from nothing: pods wait for it, and run once it is there', async () => {
    const image = { repository: `${real.registry.host}/${PRODUCT_REPOSITORY}` };
    // Nothing answers at its address.
    await installGate(image, 'Service');
    await runPod('early', `${CLOSED}/shop/signed:1`);
    await runPod('dns', `${CLOSED}/platform/dns:1`);
    expect(await refusalOf('early')).to.include('connection refused');
    await installGate(image);
    await untilRolledOut();
    await untilReady('early');
    // No one has signed it: it is exempt by its digest.
    await untilReady('dns');
  }).timeout(START_WITHIN_MS);

  it('a pod with an image that is refused has an event with the reason, by tag and by digest', async () => {
    const path = `${CLOSED}/shop/unsigned`;
    for (const [name, image] of Object.entries({ tag: `${path}:1`, digest: `${path}@${images.unsigned}` })) {
      await runPod(`unsigned-by-${name}`, image);
      const message = await refusalOf(`unsigned-by-${name}`);
      expect(message)
        .to.include('403 Forbidden')
        .and.include('Unsigned: no signature by authority "release"');
    }
  });

  it('a pod with an image that is admitted runs, by digest', async () => {
    await runPod('by-digest', `${CLOSED}/shop/signed@${images.signed}`);
    await untilReady('by-digest');
  });

  it('goes round it in silence to a registry that is not closed', async () => {
    await runPod('round', `${OPEN}/shop/unsigned:1`);
    await untilReady('round');
    const events = await kubectl([
      'get',
      'events',
      '-n',
      NAMESPACE,
      '--field-selector=involvedObject.name=round',
    ]);
    expect(events).to.include('Successfully pulled').and.not.include('Unsigned');
  });

  it('gets its own image through itself when it is replaced, without a signature', async () => {
    const image = { repository: `${CLOSED}/${PRODUCT_REPOSITORY}`, digest: product.digest };
    await installGate(image);
    await untilRolledOut();
    // What it exempts from now on is itself, by the digest that the chart was given.
    const settings = ['get', 'configmap', `${RELEASE}-gate`, '-n', RELEASE, '-o', 'jsonpath={.data}'];
    expect(await kubectl(settings)).to.include(`${CLOSED}/${PRODUCT_REPOSITORY}@${product.digest}`);
    await runPod('later', `${CLOSED}/shop/signed:1`);
    await untilReady('later');
  }).timeout(START_WITHIN_MS);
});
