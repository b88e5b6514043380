import { openCosign, type Cosign, type KeyPair } from '../programs/cosign.ts';
import type { Outcome } from '../programs/command.ts';
import { requirePrograms } from '../programs/ensure.ts';
import { chart, helm, RELEASE } from '../helm.ts';
import { policy, secret } from '../installation/policies.ts';
import { untilGuarded } from '../installation/installation.ts';
import { installClusterDns } from './cluster-dns.ts';
import { CONTROL_PLANE } from './node-files.ts';
import { CLUSTER_DNS, startRealNodes, type RealNodes } from './real-nodes.ts';
import { pushDatabase, writeDatabase } from '../promotions/scans.ts';
import { PRODUCT_REPOSITORY, pushProduct } from './product-image.ts';
import { pushProgramImage, pushWaiting } from './program-images.ts';
import { openWorkspace } from '../programs/workspace.ts';

/** Two nodes with Pratique on them, installed as users do. */
export interface Installed {
  readonly real: RealNodes;
  readonly cosign: Cosign;
  readonly release: KeyPair;
  /** kubectl, which has to succeed. Returns its output. */
  kubectl(...args: readonly string[]): Promise<string>;
  /** Helm for this release, with values for `-f -`. */
  helm(args: readonly string[], values?: object): Promise<Outcome>;
  /** `helm upgrade` by which only these values change; returns when its pods are ready. */
  upgrade(values: object): Promise<void>;
  /** Pushes an image that runs, and signs it unless it is to be without a signature; returns its reference by tag. */
  push(repository: string, signed?: 'signed' | 'unsigned'): Promise<string>;
  stop(): Promise<void>;
}

/** Where the tests create pods. */
export const NAMESPACE = 'shop';
/** Where promotions are. */
export const PROMOTIONS = 'platform';
/** Pods have to be ready by then; Helm itself gives up after five minutes. */
const HELM_WITHIN_MS = 150_000;
/** Repositories of Trivy and of its database, and the tag that the chart has for Trivy. */
export const TRIVY = 'mirror/trivy';
const DATABASE = 'mirror/trivy-db';
export const TRIVY_TAG = '0.74.0';
/** Without the finding. */
export const FIXED_OPENSSL = '3.3.2-r0';

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
      pushTrivy(registry.host),
      cluster.createNamespace(NAMESPACE),
      cluster.createNamespace(PROMOTIONS, { 'pod-security.kubernetes.io/enforce': 'restricted' }),
    ]);
    const values = {
      image: { repository: `${registry.host}/${PRODUCT_REPOSITORY}` },
      pinning: { enabled: true },
      promotions: { jobs: { namespaces: [PROMOTIONS] } },
      scanner: { enabled: true, image: { repository: `${registry.host}/${TRIVY}` } },
      settings: {
        registries: { insecure: [registry.host] },
        scanner: { databaseRepository: `${registry.host}/${DATABASE}:2` },
      },
    };
    const run = (args: readonly string[], more: object = {}): Promise<Outcome> =>
      helm([...args, '--namespace', RELEASE], {
        kubeconfigPath: cluster.kubeconfigPath,
        values: more,
        withinMs: HELM_WITHIN_MS,
      });
    const install = ['install', RELEASE, chart, '--create-namespace', '--wait', '-f', '-'];
    const { code, stderr } = await run(install, values);
    if (code !== 0) {
      const events = await cluster.kubectl(['get', 'pods,events', '-A', '-o', 'wide']);
      throw new Error(`helm install ended with ${String(code)}: ${stderr}\n${events.stdout}`);
    }
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
      helm: run,
      upgrade: async (changed) => {
        const upgrade = ['upgrade', RELEASE, chart, '--reuse-values', '--wait', '-f', '-'];
        const { code: ended, stderr: said } = await run(upgrade, changed);
        if (ended !== 0) throw new Error(`helm upgrade ended with ${String(ended)}: ${said}`);
      },
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

/** Trivy as its image has it, with a `cp` beside it, and a database that knows one thing about openssl. */
async function pushTrivy(registry: string): Promise<void> {
  const { trivy, pause } = await requirePrograms(['trivy', 'pause']);
  const files = { 'usr/local/bin/trivy': trivy, 'bin/cp': pause };
  const target = { registry, repository: TRIVY, tag: TRIVY_TAG };
  const workspace = await openWorkspace('trivy');
  try {
    const openssl = { package: 'openssl', id: 'CVE-2026-0001', fixedVersion: FIXED_OPENSSL };
    const advisories = [{ ...openssl, severity: 'CRITICAL' as const }];
    await writeDatabase(workspace.folder, { updatedAt: new Date(), advisories });
    await pushDatabase({ registry, repository: DATABASE, tag: '2' }, workspace.folder);
    await pushProgramImage(target, { files, entrypoint: ['/usr/local/bin/trivy'] });
  } finally {
    await workspace.close();
  }
}
