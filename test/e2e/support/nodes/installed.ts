import { join } from 'node:path';
import { openCosign, type Cosign, type KeyPair } from '../programs/cosign.ts';
import { succeed, type Outcome } from '../programs/command.ts';
import { requirePrograms } from '../programs/ensure.ts';
import { chart, helm, RELEASE } from '../helm.ts';
import { policy, secret } from '../installation/policies.ts';
import { untilGuarded } from '../installation/installation.ts';
import { installClusterDns } from './cluster-dns.ts';
import { CONTROL_PLANE } from './node-files.ts';
import { CLUSTER_DNS, startRealNodes, type RealNodes } from './real-nodes.ts';
import { pushWaiting } from './program-images.ts';

/** Two nodes with Pratique on them, installed as users do. */
export interface Installed {
  readonly real: RealNodes;
  readonly cosign: Cosign;
  readonly release: KeyPair;
  /** Of the installation: what a user has to say about this registry. */
  readonly values: object;
  /** kubectl, which has to succeed. Returns its output. */
  kubectl(...args: readonly string[]): Promise<string>;
  /** Helm for this release. */
  helm(args: readonly string[], values?: object): Promise<Outcome>;
  /** Pushes an image that runs, and signs it unless it is to be without a signature; returns its reference by tag. */
  push(repository: string, signed?: 'signed' | 'unsigned'): Promise<string>;
  stop(): Promise<void>;
}

/** Where the tests create pods. */
export const NAMESPACE = 'shop';
/** The folder of the image, as run.ts built it from the Dockerfile. */
const LAYOUT = 'PRATIQUE_E2E_IMAGE';
const REPOSITORY = 'platform/pratique';

/** Starts nodes and installs the chart, with a policy that demands signatures of images in `shop/`. */
export async function openInstalled(): Promise<Installed> {
  const real = await startRealNodes();
  const cosign = await openCosign();
  const stop = async (): Promise<void> => {
    await cosign.stop();
    await real.stop();
  };
  try {
    const { cluster, registry } = real;
    const dns = { registry: registry.host, registryAddress: CONTROL_PLANE, address: CLUSTER_DNS };
    const [release] = await Promise.all([
      cosign.createKeyPair('release'),
      pushProduct(registry.host),
      installClusterDns(cluster, dns),
      cluster.createNamespace(NAMESPACE),
    ]);
    const values = {
      image: { repository: `${registry.host}/${REPOSITORY}` },
      settings: { registries: { insecure: [registry.host] } },
    };
    const run = (args: readonly string[], more: object = {}): Promise<Outcome> =>
      helm([...args, '--namespace', RELEASE], { kubeconfigPath: cluster.kubeconfigPath, values: more });
    const install = ['install', RELEASE, chart, '--create-namespace', '--wait', '-f', '-'];
    const { code, stderr } = await run(install, values);
    if (code !== 0) throw new Error(`helm install ended with ${String(code)}: ${stderr}`);
    for (const object of [
      { ...secret('release-key', release.publicPem), metadata: { name: 'release-key', namespace: RELEASE } },
      policy('shop', `${registry.host}/shop/**`, {
        authorities: [{ name: 'release', key: { secretRef: { name: 'release-key', key: 'cosign.pub' } } }],
        require: { signatures: { from: ['release'] } },
      }),
    ])
      await cluster.apply(object);
    await untilGuarded(cluster);
    return {
      real,
      cosign,
      release,
      values,
      helm: run,
      kubectl: async (...args) => {
        const { code: ended, stdout, stderr: said } = await cluster.kubectl(args);
        if (ended !== 0) throw new Error(`kubectl ${args.join(' ')} ended with ${String(ended)}: ${said}`);
        return stdout;
      },
      push: async (repository, signed = 'signed') => {
        const target = { registry: registry.host, repository, tag: '1' };
        const { reference } = await pushWaiting(target, repository);
        if (signed === 'signed') await cosign.sign(reference, { key: release, format: 'bundle' });
        return `${registry.host}/${repository}:1`;
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function pushProduct(registry: string): Promise<void> {
  const { crane } = await requirePrograms(['crane']);
  const layout = process.env[LAYOUT];
  if (layout === undefined) throw new Error(`${LAYOUT} is not set: run this by npm run test:e2e`);
  // The tag that the chart has without a value.
  const reference = `${registry}/${REPOSITORY}:${await appVersion()}`;
  await succeed({ command: crane, args: ['push', '--insecure', layout, reference] });
}

async function appVersion(): Promise<string> {
  const { stdout } = await helm(['show', 'chart', join(chart)]);
  const version = /^appVersion: *"?([^"\n]+)/m.exec(stdout)?.[1];
  if (version === undefined) throw new Error('the chart has no appVersion');
  return version;
}
