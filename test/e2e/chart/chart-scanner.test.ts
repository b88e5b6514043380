import { expect } from 'chai';
import { parse, parseAllDocuments } from 'yaml';
import { renderChart } from '../support/helm.ts';

interface Container {
  readonly command?: readonly string[];
  readonly resources: object;
  readonly volumeMounts: readonly { readonly mountPath: string; readonly readOnly?: boolean }[];
}
interface PodSpec {
  readonly initContainers?: readonly Container[];
  readonly containers: readonly Container[];
  readonly volumes: readonly { readonly name: string; readonly image?: object }[];
}
interface Rendered {
  readonly kind: string;
  readonly spec?: { readonly template?: { readonly spec: PodSpec } };
  readonly data?: Readonly<Record<string, string>>;
}

/** The pod that the chart makes of these values, and the settings it is given. */
async function installed(values: object) {
  const { code, stdout, stderr } = await renderChart(values);
  expect(code, stderr).to.equal(0);
  const objects = parseAllDocuments(stdout)
    .map((document) => document.toJS() as Rendered | null)
    .filter((object) => object !== null);
  const pod = objects.find(({ kind }) => kind === 'Deployment')?.spec?.template?.spec;
  const written = objects.find(({ kind }) => kind === 'ConfigMap')?.data?.['settings.yaml'];
  if (!pod || written === undefined) throw new Error('there is no Deployment, or no ConfigMap');
  const settings = parse(written) as { readonly scanner?: { readonly command?: string } };
  return { pod, settings };
}

describe('the Helm chart and Trivy', () => {
  it('installs no Trivy by default', async () => {
    expect(JSON.stringify(await installed({}))).not.to.match(/trivy/i);
  });

  it('copies Trivy to the path in the settings, and mounts writable volumes only for Trivy', async () => {
    const databaseRepository = 'registry.example.com/mirror/trivy-db:2';
    const { pod, settings } = await installed({
      scanner: { enabled: true },
      settings: { scanner: { databaseRepository } },
    });
    expect(settings.scanner).to.deep.equal({
      command: '/opt/trivy/trivy',
      cacheDirectory: '/var/cache/trivy',
      databaseRepository,
    });
    const [init] = pod.initContainers ?? [];
    expect(init?.command).to.deep.equal(['cp', '/usr/local/bin/trivy', '/opt/trivy/trivy']);
    const [container] = pod.containers;
    const writable = container?.volumeMounts.filter(({ readOnly }) => readOnly !== true);
    expect(writable?.map(({ mountPath }) => mountPath)).to.have.members(['/var/cache/trivy', '/tmp']);
    // Trivy runs beside the webhook, in the memory of its container.
    expect(container?.resources).to.deep.include({ limits: { memory: '2Gi' } });
  });

  it('mounts the image of Trivy when that is configured', async () => {
    const image = { repository: 'registry.example.com/trivy', digest: `sha256:${'0'.repeat(64)}` };
    const { pod, settings } = await installed({ scanner: { enabled: true, delivery: 'Mount', image } });
    expect(settings.scanner?.command).to.equal('/opt/trivy/usr/local/bin/trivy');
    expect(pod.initContainers).to.equal(undefined);
    expect(pod.volumes.find(({ name }) => name === 'trivy')?.image).to.deep.equal({
      reference: `${image.repository}@${image.digest}`,
      pullPolicy: 'IfNotPresent',
    });
  });

  it('refuses two sources of Trivy', async () => {
    const { code, stderr } = await renderChart({
      scanner: { enabled: true },
      settings: { scanner: { command: '/usr/bin/trivy' } },
    });
    expect(code).to.equal(1);
    expect(stderr).to.include('settings.scanner.command');
  });
});
