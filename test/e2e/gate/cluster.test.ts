import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import { pushImage } from '../../support/registry/push.ts';
import { startRegistry, type EmbeddedRegistry } from '../../support/registry/index.ts';
import { signingKey } from '../../support/signing.ts';
import { startCluster, type Cluster } from '../support/cluster/cluster.ts';
import { tokenKubeconfig } from '../support/cluster/pki.ts';
import { chart, helm } from '../support/helm.ts';
import { freePort } from '../support/programs/ports.ts';
import { startProcess } from '../support/programs/process.ts';
import { PRODUCT } from '../support/programs/product.ts';
import { openWorkspace, type Workspace } from '../support/programs/workspace.ts';
import { until } from '../support/wait.ts';

const NAMESPACE = 'pratique';
const NAME = 'registry.example.com';

describe('the gate with the policies and service accounts of a cluster, and the rights that the chart gives it', () => {
  let workspace: Workspace;
  let cluster: Cluster;
  let registry: EmbeddedRegistry;
  let url: string;
  const kubectl = async (args: readonly string[], input?: string): Promise<string> => {
    const { code, stdout, stderr } = await cluster.kubectl(args, input === undefined ? {} : { input });
    if (code !== 0) throw new Error(stderr);
    return stdout.trim();
  };
  const tokenOf = (account: string, namespace: string): Promise<string> =>
    kubectl(['create', 'token', account, '-n', namespace]);
  const pull = async (name: string, token?: string): Promise<number> => {
    const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const answer = await fetch(`${url}/v2/${NAME}/shop/${name}/manifests/1.0`, { headers });
    await answer.arrayBuffer();
    return answer.status;
  };
  const apply = (name: string, spec: object): Promise<void> =>
    cluster.apply({
      ...{ apiVersion: 'pratique.dev/v1alpha1', kind: 'ImagePolicy', metadata: { name } },
      spec: { match: { images: [`${NAME}/**`] }, ...spec },
    });

  before(async () => {
    workspace = await openWorkspace('gate-cluster');
    [cluster, registry] = await Promise.all([startCluster(), startRegistry()]);
    for (const [name, annotations] of Object.entries<Record<string, string>>({
      plain: {},
      flagged: { 'dev.pratique.quarantine': 'true' },
    }))
      await pushImage({ registry: registry.host, repository: `shop/${name}`, tag: '1.0' }, { annotations });
    await cluster.createNamespace(NAMESPACE);
    await cluster.createNamespace('shop', { env: 'production' });
    await cluster.createNamespace('lab', { env: 'test' });
    const gate = {
      upstreams: [{ match: [`${NAME}/**`], registry: registry.host }],
      callers: { anonymous: true, serviceAccounts: true },
    };
    const values = { gate: { enabled: true, tokenSecret: 'gate-token' }, settings: { gate } };
    const file = join(workspace.folder, 'values.yaml');
    await writeFile(file, JSON.stringify(values));
    const rendered = await helm([
      'template',
      'pratique',
      chart,
      '-n',
      NAMESPACE,
      '-f',
      file,
      '-s',
      'templates/gate.yaml',
    ]);
    expect(rendered.code, rendered.stderr).to.equal(0);
    const policies = join(import.meta.dirname, '..', '..', '..', 'crds', 'pratique.dev_imagepolicies.yaml');
    await kubectl(['apply', '-f', policies]);
    await kubectl(['wait', '--for=condition=Established', 'crd/imagepolicies.pratique.dev', '--timeout=30s']);
    await kubectl(['apply', '-f', '-'], rendered.stdout);
    await apply('flags', {
      require: { quarantine: { mayPull: [{ groups: ['system:serviceaccounts:lab'] }] } },
    });

    const kubeconfig = join(workspace.folder, 'gate.kubeconfig');
    const token = await tokenOf('pratique-gate', NAMESPACE);
    await writeFile(kubeconfig, tokenKubeconfig(cluster.server, cluster.caPem, token), { mode: 0o600 });
    const map = await kubectl(['get', 'configmap', 'pratique-gate', '-n', NAMESPACE, '-o', 'json']);
    const { data } = JSON.parse(map) as { data: Record<string, string> };
    const settings = parse(data['settings.yaml'] ?? '') as { gate: object };
    const [port, probes] = [await freePort(), await freePort()];
    url = `http://127.0.0.1:${String(port)}`;
    const secret = join(workspace.folder, 'token-secret');
    await writeFile(secret, 'x'.repeat(32));
    const here = {
      ...settings,
      gate: { ...settings.gate, listen: `127.0.0.1:${String(port)}`, tokenSecretFile: secret },
      operations: { listen: `127.0.0.1:${String(probes)}` },
    };
    const settingsFile = join(workspace.folder, 'settings.yaml');
    await writeFile(settingsFile, JSON.stringify(here));
    await startProcess({
      ...{ workspace, name: 'gate', command: process.execPath },
      args: [PRODUCT, 'gate', '--settings', settingsFile, '--kubeconfig', kubeconfig],
      env: { HOME: workspace.folder },
      ready: async () => (await fetch(`http://127.0.0.1:${String(probes)}/readyz`)).ok,
    });
  });
  after(async () => {
    await registry.close();
    await cluster.stop();
    await workspace.close();
  });

  it('judges by the policies of the cluster, and follows their changes', async () => {
    const anonymous = async (name: string): Promise<number> => {
      const { token } = (await (await fetch(`${url}/token`)).json()) as { token: string };
      return pull(name, token);
    };
    expect(await pull('plain')).to.equal(401);
    expect(await anonymous('plain')).to.equal(200);
    expect(await anonymous('flagged')).to.equal(403);
    await apply('all-signed', {
      require: { signatures: { from: ['release'] } },
      authorities: [{ name: 'release', key: { pem: signingKey().pem } }],
    });
    await until({
      what: 'the new policy counts',
      withinMs: 20_000,
      check: async () => (await anonymous('plain')) === 403,
    });
    await kubectl(['delete', 'imagepolicy', 'all-signed']);
    await until({
      what: 'it no longer counts',
      withinMs: 20_000,
      check: async () => (await anonymous('plain')) === 200,
    });
  });

  it('a service account is proven: its groups may pull what is flagged, its namespace selects policies', async () => {
    const [shop, lab] = [await tokenOf('default', 'shop'), await tokenOf('default', 'lab')];
    expect(await pull('flagged', shop)).to.equal(403);
    expect(await pull('flagged', lab)).to.equal(200);
    const namespaceSelector = { matchLabels: { env: 'production' } };
    await apply('production', {
      match: { images: [`${NAME}/**`], namespaceSelector },
      require: { digest: {} },
    });
    await until({
      what: 'the policy counts',
      withinMs: 20_000,
      check: async () => (await pull('plain', shop)) === 403,
    });
    expect(await pull('plain', lab)).to.equal(200);
    await kubectl(['delete', 'imagepolicy', 'production']);
  });

  it('a token of a service account that was deleted, or of another cluster, proves nothing', async () => {
    await kubectl(['create', 'serviceaccount', 'gone', '-n', 'lab']);
    const token = await tokenOf('gone', 'lab');
    expect(await pull('plain', token)).to.equal(200);
    await kubectl(['delete', 'serviceaccount', 'gone', '-n', 'lab']);
    await until({
      what: 'the token is refused',
      withinMs: 30_000,
      check: async () => (await pull('plain', token)) === 401,
    });
    expect(await pull('plain', `${token.slice(0, -8)}AAAAAAAA`)).to.equal(401);
  });
});
