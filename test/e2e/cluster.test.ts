import { once } from 'node:events';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { AppsV1Api, CoreV1Api } from '@kubernetes/client-node';
import { expect } from 'chai';
import { createAuthority } from '../support/certificates.ts';
import { pushImage } from '../support/registry/push.ts';
import { startCluster, type Cluster } from './support/cluster/cluster.ts';
import { openCosign, type Cosign } from './support/programs/cosign.ts';
import { startDistribution, startOlareg, type Registry } from './support/promotions/registries.ts';
import { until } from './support/wait.ts';
import { registerWebhook } from './support/installation/webhook-registration.ts';

const DENIAL = 'no pod is admitted today';

const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';

describe('the end-to-end test bed', () => {
  let cluster: Cluster;
  let olareg: Registry;
  let distribution: Registry;
  let cosign: Cosign;

  // Every started program is stopped, even when another one failed to start.
  const started: { stop(): Promise<void> }[] = [];
  async function starting<T extends { stop(): Promise<void> }>(start: Promise<T>): Promise<T> {
    const running = await start;
    started.push(running);
    return running;
  }

  before(async () => {
    [cluster, olareg, distribution, cosign] = await Promise.all([
      starting(startCluster()),
      starting(startOlareg()),
      starting(startDistribution()),
      starting(openCosign()),
    ]);
  });

  after(async () => {
    await Promise.all(started.map((each) => each.stop()));
  });

  it('answers kubectl', async () => {
    const { code, stdout } = await cluster.kubectl(['version', '-o', 'json']);
    expect(code).to.equal(0);
    const versions = JSON.parse(stdout) as Record<string, { gitVersion?: string }>;
    expect(versions.serverVersion?.gitVersion).to.match(/^v1\.\d+\.\d+$/);
    expect(versions.clientVersion?.gitVersion).to.match(/^v1\.\d+\.\d+$/);
  });

  it('creates a ReplicaSet and pods for a Deployment', async () => {
    await cluster.createNamespace('deployments');
    const labels = { app: 'web' };
    await cluster.apply({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web', namespace: 'deployments' },
      spec: {
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: { containers: [{ name: 'web', image: 'registry.example.com/web' }] },
        },
      },
    });
    const apps = cluster.client.makeApiClient(AppsV1Api);
    const core = cluster.client.makeApiClient(CoreV1Api);
    await until({
      what: 'pod of the Deployment',
      withinMs: 20_000,
      check: async () => {
        const { items } = await core.listNamespacedPod({ namespace: 'deployments' });
        return items.length === 1;
      },
    });
    const { items } = await apps.listNamespacedReplicaSet({ namespace: 'deployments' });
    expect(items.map((each) => each.metadata?.ownerReferences?.[0]?.kind)).to.deep.equal(['Deployment']);
  });

  it('calls a registered webhook, which denies a pod with its own message', async () => {
    const webhook = await startDenyingWebhook();
    const unregister = await registerWebhook(cluster, webhook);
    try {
      const denied = await cluster.kubectl(['run', 'web', '--image=registry.example.com/web']);
      expect(denied.code).to.equal(1);
      expect(denied.stderr).to.contain(
        `admission webhook "images.pratique.dev" denied the request: ${DENIAL}`,
      );
      const exempt = await cluster.kubectl([
        'run',
        'web',
        '-n',
        'kube-system',
        '--image=registry.example.com/web',
      ]);
      expect(exempt.code).to.equal(0);
    } finally {
      await unregister();
      webhook.stop();
    }
  });

  it('serves the referrers API from olareg and not from distribution', async () => {
    const statuses = await Promise.all(
      [olareg, distribution].map(async ({ host }) => {
        const { digest } = await pushImage({ registry: host, repository: 'shop/web' });
        return (await fetch(`http://${host}/v2/shop/web/referrers/${digest}`)).status;
      }),
    );
    expect(statuses).to.deep.equal([200, 404]);
  });

  it('signs with the real cosign, as a tag and as a referrer', async () => {
    const target = { registry: olareg.host, repository: 'shop/signed' };
    const { digest, reference: ref } = await pushImage(target);
    const key = await cosign.createKeyPair();
    const referrers = async (): Promise<number> => {
      const response = await fetch(`http://${olareg.host}/v2/shop/signed/referrers/${digest}`);
      return ((await response.json()) as { manifests: unknown[] }).manifests.length;
    };
    await cosign.sign(ref, { key, format: 'legacy', annotations: { release: 'yes' } });
    const tag = `${digest.replace(':', '-')}.sig`;
    const tagged = await fetch(`http://${olareg.host}/v2/shop/signed/manifests/${tag}`, {
      headers: { accept: OCI_MANIFEST },
    });
    expect([tagged.status, await referrers()]).to.deep.equal([200, 0]);
    await cosign.sign(ref, { key, format: 'bundle' });
    expect(await referrers()).to.equal(1);
    await cosign.attest(ref, {
      key,
      format: 'bundle',
      type: 'https://example.com/test/v1',
      predicate: { ok: true },
    });
    expect(await referrers()).to.equal(2);
    await cosign.run([
      'verify',
      '--insecure-ignore-tlog',
      '--allow-http-registry',
      `--key=${key.publicKey}`,
      ref,
    ]);
  });
});

async function startDenyingWebhook(): Promise<{ url: string; caPem: string; stop: () => void }> {
  const authority = await createAuthority('denying-webhook-ca');
  const leaf = await authority.issue({ commonName: 'denying-webhook', ips: ['127.0.0.1'], usage: 'server' });
  const server = https.createServer({ ...leaf }, (request, response) => {
    void json(request).then((review) => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(denial(review)));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const stop = (): void => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `https://127.0.0.1:${port}/`, caPem: authority.cert, stop };
}

function denial(review: unknown): object {
  const { uid } = (review as { request: { uid: string } }).request;
  const response = { uid, allowed: false, status: { message: DENIAL } };
  return { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response };
}
