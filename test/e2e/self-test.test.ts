import { podFinder, tryCanaries } from '../../src/controllers/self-test/canaries.ts';
import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { openCluster, type Cluster as Client } from '../../src/clients/kubernetes/index.ts';
import { startServer } from '../../src/clients/http-server/index.ts';
import { compilePolicy, imagePolicyCrd } from '../../src/core/policy/index.ts';
import { CANARY_POLICY_DOCUMENT, type SelfTestVerdict } from '../../src/core/workload/index.ts';
import { validateHandler } from '../../src/webhook/http.ts';
import { runCommand, type DoctorPorts, type JsonObject, type Tools } from '../../src/cli/index.ts';
import { createAuthority } from '../support/certificates.ts';
import { found, NO_ROOTS } from '../support/policies.ts';
import { createBench, type Bench } from '../support/verification.ts';
import { startCluster, type Cluster } from './support/cluster/cluster.ts';
import { until } from './support/wait.ts';
import { registerWebhook } from './support/installation/webhook-registration.ts';

/** The ServiceAccount that every namespace has, without rights. */
const PLACES = ['--service-account', 'default', '-n', 'guarded', '--canary-namespace', 'guarded'];
const RESTRICTED = { 'pod-security.kubernetes.io/enforce': 'restricted' };

describe('the self-test against a real API server', () => {
  let cluster: Cluster;
  let client: Client;
  let webhook: { readonly url: string; readonly caPem: string };
  const fixture: Bench = createBench();
  const closing: (() => Promise<unknown>)[] = [];

  before(async () => {
    cluster = await startCluster();
    closing.push(() => cluster.stop());
    const opened = await openCluster({ kubeconfig: cluster.kubeconfigPath, userAgent: 'pratique/e2e' });
    if (!opened.ok) throw new Error(JSON.stringify(opened.problems));
    client = opened.value;
    closing.unshift(() => client.close());
    webhook = await startWebhook();
    await cluster.createNamespace('guarded', RESTRICTED);
    await cluster.createNamespace('open', RESTRICTED);
    await cluster.apply(imagePolicyCrd());
  });

  after(async () => {
    for (const close of closing) await close();
  });

  async function startWebhook() {
    const authority = await createAuthority('webhook-ca');
    const tls = await authority.issue({ commonName: 'webhook', ips: ['127.0.0.1'], usage: 'server' });
    const policy = compilePolicy(CANARY_POLICY_DOCUMENT, { material: () => undefined, roots: NO_ROOTS });
    if (!policy.ok) throw new Error(JSON.stringify(policy.problems));
    const handle = validateHandler(
      {
        judge: ({ images, policies }) =>
          fixture
            .judge(
              images.map(({ image }) => image),
              policies,
            )
            .then((judged) => judged.map((one, index) => ({ ...one, ...images[index]! }))),
        policies: () => [policy.value],
        namespaceLabels: () => Promise.resolve(found({})),
        onDecision: () => undefined,
        report: (error) => {
          throw error;
        },
      },
      10_000,
    );
    const route = { method: 'post', path: '/validate', maxBodyBytes: 8_000_000, handle } as const;
    const server = await startServer({
      host: '127.0.0.1',
      port: 0,
      tls,
      routes: [route],
      onError: () => undefined,
    });
    closing.unshift(() => server.close());
    return { url: `https://127.0.0.1:${server.port}/validate`, caPem: authority.cert };
  }

  const attempt = (namespace: string, signal = AbortSignal.timeout(60_000)): Promise<SelfTestVerdict> =>
    tryCanaries(
      {
        create: (...asked) => client.create(...asked),
        patch: (...asked) => client.patch(...asked),
        findPod: podFinder({ list: (...asked) => client.list(...asked) }),
        hex: () => randomBytes(32).toString('hex'),
        report: (error) => {
          throw error;
        },
      },
      { namespace, signal },
    );
  const outcomes = ({ canaries }: SelfTestVerdict) =>
    canaries
      .filter(({ outcome }) => outcome !== 'proven')
      .map(({ id, outcome, detail }) => `${outcome} ${id} ${detail}`);

  it('has every canary admitted without a webhook: each is valid, and complies with the restricted profile', async () => {
    await cluster.apply(pod('open'));
    const verdict = await attempt('open');
    expect(verdict.state).to.equal('not enforced');
    const others = verdict.canaries.filter(({ outcome }) => outcome !== 'not enforced');
    expect(others.filter(({ id }) => !id.endsWith('volumes'))).to.deep.equal([]);
    expect(
      others.every(({ outcome }) => outcome === 'not applicable'),
      JSON.stringify(others),
    ).to.equal(true);
    expect(verdict.canaries).to.have.length(16);
  });

  it('proves every path and kind when the webhook is registered, without a registry request', async () => {
    await cluster.apply(pod('guarded'));
    const unregister = await registerWebhook(cluster, webhook);
    try {
      const verdict = await attempt('guarded');
      expect(outcomes(verdict)).to.deep.equal([]);
      expect(verdict.state).to.equal('proven');
      expect(fixture.registry.calls).to.deep.equal([]);
      const { code, out } = await doctor();
      const { checks } = JSON.parse(out) as { checks: { check: string; status: string; detail: string }[] };
      const statuses = Object.fromEntries(checks.map(({ check, status }) => [check, status]));
      expect(statuses, out).to.include({
        'api server': 'ok',
        'crd imagepolicies.pratique.dev': 'ok',
        webhook: 'ok',
        'webhook caBundle': 'ok',
        'webhook failurePolicy': 'ok',
        'webhook target': 'ok',
        'exempt namespaces': 'ok',
        leader: 'failed',
        policies: 'warning',
        permissions: 'failed',
        'self-test': 'ok',
      });
      expect(code).to.equal(1);
    } finally {
      await unregister();
    }
  });

  it('cannot decide without the namespace', async () => {
    const { state, canaries } = await attempt('nowhere');
    expect(state).to.equal('cannot tell');
    expect(canaries[0]?.detail).to.include('not found');
  });

  it('O42 reports as soon as a kind bypasses admission', async () => {
    const rules = [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }];
    const unregister = await registerWebhook(cluster, { ...webhook, rules });
    try {
      await until({
        what: 'only pods to be guarded',
        withinMs: 20_000,
        check: async () => {
          const verdict = await attempt('guarded');
          const open = verdict.canaries
            .filter(({ outcome }) => outcome === 'not enforced')
            .map(({ id }) => id);
          return open.includes('Deployment containers') && !open.includes('Pod containers');
        },
      });
    } finally {
      await unregister();
    }
  });

  function pod(namespace: string): JsonObject {
    const securityContext = {
      runAsNonRoot: true,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
    };
    const containers = [{ name: 'web', image: 'registry.example.com/web', securityContext }];
    return { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web', namespace }, spec: { containers } };
  }

  async function doctor() {
    const ports: DoctorPorts = {
      server: client.server,
      version: () => Promise.resolve('v1'),
      get: (...asked) => client.get(...asked),
      list: (...asked) => client.list(...asked),
      create: (...asked) => client.create(...asked),
      selfTest: attempt,
      shippedCrds: [imagePolicyCrd()],
      promotionCrds: [],
      close: () => Promise.resolve(),
    };
    let out = '';
    const tools = { clock: () => new Date(), doctor: () => Promise.resolve({ ok: true, value: ports }) };
    const code = await runCommand(
      ['doctor', '-o', 'json', '--name', 'images.pratique.dev', ...PLACES],
      tools as unknown as Tools,
      {
        out: (text) => (out += text),
        err: () => undefined,
        colour: false,
        interactive: false,
        stopped: () => Promise.resolve(),
      },
    );
    return { code, out };
  }
});
