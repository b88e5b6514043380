import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startCluster, type Cluster } from '../cluster/cluster.ts';
import { openCosign, type Cosign, type KeyPair } from '../programs/cosign.ts';
import { startDistribution, startOlareg, type Registry } from '../promotions/registries.ts';
import { registerWebhook } from './webhook-registration.ts';
import { startWebhook, type Webhook } from './webhook.ts';
import { openWorkspace } from '../programs/workspace.ts';

/** Keys of the tests: `release` signs, `security` releases from quarantine, `stranger` is in no policy. */
export interface Keys {
  readonly release: KeyPair;
  readonly security: KeyPair;
  readonly stranger: KeyPair;
}

/** Everything an admission needs: a cluster that calls the built product, real registries, the real cosign. */
export interface AdmissionFixture {
  readonly cluster: Cluster;
  readonly olareg: Registry;
  readonly distribution: Registry;
  readonly cosign: Cosign;
  readonly keys: Keys;
  readonly webhook: Webhook;
  /** Path of the API server's audit log. */
  readonly auditLog: string;
  stop(): Promise<void>;
}

/** The API server's time for the webhook, in seconds. */
export const TIMEOUT_SECONDS = 5;

/** An absent fact expires soon: a signature or release during a test takes effect without a long wait. */
const SETTINGS = { memory: { absentMs: 1_000 } };

/** Starts all parts at the same time; `policies` are documents for the webhook's folder. */
export async function startAdmissionFixture(
  policies: (keys: Keys) => readonly object[],
): Promise<AdmissionFixture> {
  const started: { stop(): Promise<unknown> }[] = [];
  const keep = async <T extends { stop(): Promise<unknown> }>(start: Promise<T>): Promise<T> => {
    const running = await start;
    started.push(running);
    return running;
  };
  const stop = async (): Promise<void> => {
    await Promise.all(started.map((each) => each.stop()));
  };
  const workspace = await openWorkspace('admission');
  started.push({ stop: () => workspace.close() });
  const auditLog = join(workspace.folder, 'audit.log');
  const auditPolicy = join(workspace.folder, 'audit-policy.yaml');
  const folder = join(workspace.folder, 'policies.yaml');
  const settings = join(workspace.folder, 'settings.yaml');
  try {
    const everything = { apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules: [{ level: 'Metadata' }] };
    await writeFile(auditPolicy, JSON.stringify(everything));
    const apiserverArgs = [`--audit-policy-file=${auditPolicy}`, `--audit-log-path=${auditLog}`];
    const [cluster, olareg, distribution, cosign] = await Promise.all([
      keep(startCluster({ apiserverArgs })),
      keep(startOlareg()),
      keep(startDistribution()),
      keep(openCosign()),
    ]);
    const keys: Keys = {
      release: await cosign.createKeyPair('release'),
      security: await cosign.createKeyPair('security'),
      stranger: await cosign.createKeyPair('stranger'),
    };
    await writeFile(
      folder,
      policies(keys)
        .map((each) => JSON.stringify(each))
        .join('\n---\n'),
    );
    await writeFile(settings, JSON.stringify(SETTINGS));
    const webhook = await keep(startWebhook({ standalone: folder, args: ['--settings', settings] }));
    await registerWebhook(cluster, {
      url: `${webhook.url}/validate`,
      caPem: webhook.caPem,
      timeoutSeconds: TIMEOUT_SECONDS,
    });
    return { cluster, olareg, distribution, cosign, keys, webhook, auditLog, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
