import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { startCluster, type Cluster } from '../support/cluster/cluster.ts';
import { chart, helm, RELEASE } from '../support/helm.ts';
import { openWorkspace, type Workspace } from '../support/programs/workspace.ts';

const KIND = 'validatingwebhookconfiguration';
const SECRETS = ['a1', 'b2'].map((two) => two.repeat(32));

describe('the path of the webhook across releases of the chart', () => {
  let cluster: Cluster;
  let workspace: Workspace;
  let former: string;
  before(async () => {
    cluster = await startCluster();
    workspace = await openWorkspace('path-upgrade');
    await cluster.createNamespace(RELEASE);
    // As releases before the secret path: it is named, and nothing in the cluster is asked for it.
    former = join(workspace.folder, 'former');
    await cp(chart, former, { recursive: true });
    for (const [name, path] of [
      ['validating', '/validate'],
      ['mutating', '/mutate'],
    ] as const) {
      const file = join(former, 'templates', `${name}-webhook.yaml`);
      const text = await readFile(file, 'utf8');
      const config = /include "pratique\.clientConfig" \(list \. \$path\)/;
      const plain = text
        .replace(config, `include "pratique.clientConfig" (list . "${path}")`)
        .replace(/\{\{- \$path := .*\n/, '{{- $path := "" }}\n');
      expect(plain).not.to.equal(text);
      await writeFile(file, plain);
    }
  });
  after(async () => {
    await cluster.stop();
    await workspace.close();
  });
  afterEach(() =>
    helm(['uninstall', RELEASE, '--namespace', RELEASE], { kubeconfigPath: cluster.kubeconfigPath }),
  );

  const release = async (from: string, values: object = {}): Promise<void> => {
    const args = ['upgrade', '--install', RELEASE, from, '-f', '-', '--namespace', RELEASE];
    const given = { pinning: { enabled: true }, ...values };
    const { code, stderr } = await helm(args, { kubeconfigPath: cluster.kubeconfigPath, values: given });
    expect(code, stderr).to.equal(0);
  };
  const kubectl = async (args: readonly string[], input?: string): Promise<string> => {
    const { code, stdout, stderr } = await cluster.kubectl(args, input === undefined ? {} : { input });
    expect(code, stderr).to.equal(0);
    return stdout;
  };
  const named = async (field = 'service.path') =>
    kubectl(['get', KIND, RELEASE, '-o', `jsonpath={.webhooks[0].clientConfig.${field}}`]);
  /** As the controller does. */
  const rotate = async (value: string, field = 'service/path') => {
    const patch = JSON.stringify([{ op: 'add', path: `/webhooks/0/clientConfig/${field}`, value }]);
    await kubectl(['patch', KIND, RELEASE, '--type=json', '-p', patch]);
  };

  it('C05 Helm keeps the plain path of a former release, and every secret that comes after it', async () => {
    await release(former);
    expect(await named()).to.equal('/validate');
    await release(chart);
    expect(await named()).to.equal('/validate');
    for (const secret of SECRETS) {
      await rotate(`/validate/${secret}`);
      for (const enforcement of ['Deny', 'Warn']) {
        await release(chart, { defaultPolicy: { enforcement } });
        expect(await named()).to.equal(`/validate/${secret}`);
      }
    }
  });

  it('C05 Helm never names the path of a release that began without one, and leaves it in place', async () => {
    await release(chart);
    expect(await named()).to.equal('');
    for (const secret of SECRETS) {
      await rotate(`/validate/${secret}`);
      await release(chart);
      expect(await named()).to.equal(`/validate/${secret}`);
      const args = ['get', 'manifest', RELEASE, '--namespace', RELEASE];
      const { stdout } = await helm(args, { kubeconfigPath: cluster.kubeconfigPath });
      expect(stdout).to.contain('ValidatingWebhookConfiguration').and.not.contain(secret);
    }
  });

  it('C05 Helm keeps the secret in a URL, until the address becomes another', async () => {
    const at = (url: string) => ({ controller: { enabled: false }, webhook: { url } });
    await release(chart, at('https://a.example.com:8443/'));
    expect(await named('url')).to.equal('https://a.example.com:8443');
    for (const secret of SECRETS) {
      await rotate(`https://a.example.com:8443/validate/${secret}`, 'url');
      await release(chart, at('https://a.example.com:8443'));
      expect(await named('url')).to.equal(`https://a.example.com:8443/validate/${secret}`);
    }
    await release(chart, at('https://b.example.com'));
    expect(await named('url')).to.equal('https://b.example.com');
  });

  it('C05 kubectl apply keeps what no manifest names, and a former path if it forgets that one did', async () => {
    const applied = async (from: string): Promise<void> => {
      const args = ['template', RELEASE, from, '-n', RELEASE, '-s', 'templates/validating-webhook.yaml'];
      const { stdout, stderr, code } = await helm(args);
      expect(code, stderr).to.equal(0);
      await kubectl(['apply', '-f', '-'], stdout);
    };
    await applied(former);
    await kubectl(['annotate', KIND, RELEASE, 'kubectl.kubernetes.io/last-applied-configuration-']);
    await applied(chart);
    expect(await named()).to.equal('/validate');
    await rotate(`/validate/${SECRETS[0]}`);
    await applied(chart);
    expect(await named()).to.equal(`/validate/${SECRETS[0]}`);
    await kubectl(['delete', KIND, RELEASE]);
  });

  it('C05 server-side apply keeps a path that another field manager owns as well', async () => {
    const applied = async (from: string): Promise<void> => {
      const args = ['template', RELEASE, from, '-n', RELEASE, '-s', 'templates/validating-webhook.yaml'];
      const { stdout } = await helm(args);
      await kubectl(['apply', '--server-side', '--field-manager=gitops', '-f', '-'], stdout);
    };
    await applied(former);
    const service = { name: 'pratique-webhook', namespace: RELEASE, path: '/validate' };
    const webhook = { name: 'images.pratique.dev', clientConfig: { service }, sideEffects: 'None' };
    const owned = {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name: RELEASE },
      webhooks: [{ ...webhook, admissionReviewVersions: ['v1'] }],
    };
    await kubectl(['apply', '--server-side', '--field-manager=path', '-f', '-'], JSON.stringify(owned));
    await applied(chart);
    expect(await named()).to.equal('/validate');
    await rotate(`/validate/${SECRETS[0]}`);
    await applied(chart);
    expect(await named()).to.equal(`/validate/${SECRETS[0]}`);
    await kubectl(['delete', KIND, RELEASE]);
  });
});
