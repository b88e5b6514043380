import { startCluster, type Cluster, type ClusterOptions } from './cluster.ts';
import type { Outcome } from '../programs/command.ts';
import { openCosign, type Cosign, type KeyPair } from '../programs/cosign.ts';
import {
  install,
  untilGuarded,
  type Installation,
  type InstallOptions,
  type Replica,
} from '../installation/installation.ts';
import { policy, secret } from '../installation/policies.ts';
import { startOlareg, type Registry } from '../promotions/registries.ts';
import { pushImage } from '../../../support/registry/push.ts';

/** A cluster with the chart installed and two replicas running, a registry, and keys that sign. */
export interface ClusterFixture {
  readonly cluster: Cluster;
  readonly registry: Registry;
  readonly cosign: Cosign;
  readonly keys: { readonly release: KeyPair; readonly security: KeyPair; readonly stranger: KeyPair };
  readonly installation: Installation;
  readonly replicas: Replica[];
  /** Pushes a new image and, with a key, signs it; returns its reference by digest. */
  push(name: string, key?: KeyPair): Promise<string>;
  /** `kubectl run` of one pod in the namespace `shop`. */
  run(image: string, ...more: readonly string[]): Promise<Outcome>;
  stop(): Promise<void>;
}

/** How a fixture is opened. */
export interface ClusterFixtureOptions extends InstallOptions {
  readonly cluster?: ClusterOptions;
  readonly replicas?: number;
  /** Creates objects before the chart is installed. */
  readonly prepare?: (cluster: Cluster) => Promise<void>;
}

/** One policy covers everything: signed by `release`, whose key is in a Secret in the namespace of the controller. */
export const REQUIRE_SIGNATURES = { require: { signatures: { from: ['release'] } } };

/** Opens a fixture in which the namespace `shop` exists and the policy `production` is in force. */
export async function openClusterFixture(options: ClusterFixtureOptions = {}): Promise<ClusterFixture> {
  const started: { stop(): Promise<unknown> }[] = [];
  const keep = async <T extends { stop(): Promise<unknown> }>(start: Promise<T>): Promise<T> => {
    const running = await start;
    started.unshift(running);
    return running;
  };
  const stop = async (): Promise<void> => {
    for (const one of started) await one.stop();
  };
  try {
    const [cluster, registry, cosign] = await Promise.all([
      keep(startCluster(options.cluster)),
      keep(startOlareg()),
      keep(openCosign()),
    ]);
    const [release, security, stranger] = await Promise.all([
      cosign.createKeyPair('release'),
      cosign.createKeyPair('security'),
      cosign.createKeyPair('stranger'),
    ]);
    await options.prepare?.(cluster);
    const installation = await keep(install(cluster, options));
    await cluster.createNamespace('shop');
    const { namespace } = installation;
    for (const [name, { publicPem }] of Object.entries({ 'release-key': release, 'security-key': security }))
      await cluster.apply({ ...secret(name, publicPem), metadata: { name, namespace } });
    await cluster.apply(policy('production', `${registry.host}/shop/**`, REQUIRE_SIGNATURES));
    const replicas: Replica[] = [];
    for (let index = 0; index < (options.replicas ?? 2); index += 1)
      replicas.push(await installation.start(`replica-${index}`));
    await untilGuarded(cluster);
    let pods = 0;
    return {
      cluster,
      registry,
      cosign,
      keys: { release, security, stranger },
      installation,
      replicas,
      push: async (name, key) => {
        const image = await pushImage(
          { registry: registry.host, repository: `shop/${name}`, tag: 'v1' },
          { salt: name },
        );
        if (key) await cosign.sign(image.reference, { key, format: 'bundle' });
        return image.reference;
      },
      run: (image, ...more) => {
        pods += 1;
        return cluster.kubectl(['run', `pod-${pods}`, '-n', 'shop', `--image=${image}`, ...more]);
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
