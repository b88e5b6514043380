import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import { openCluster } from '../../../src/clients/kubernetes/index.ts';
import { RESOURCES } from '../../../src/core/workload/index.ts';
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
  let kubeconfig: string;
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

  const promotion = (name: string, from: string, repository: string, kind: object): Promise<void> =>
    cluster.apply({
      ...{ apiVersion: 'pratique.dev/v1alpha1', kind: 'ImagePromotion' },
      metadata: { name, namespace: NAMESPACE },
      spec: {
        source: { repositories: [{ from }] },
        target: { repository },
        tags: { semver: ['>=1.0'] },
        ...kind,
      },
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
      onMissing: { request: 'shop-mirror' },
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
    for (const plural of ['imagepolicies', 'imagepromotions', 'imagepromotionruns']) {
      const file = join(import.meta.dirname, '..', '..', '..', 'crds', `pratique.dev_${plural}.yaml`);
      await kubectl(['apply', '-f', file]);
      await kubectl(['wait', '--for=condition=Established', `crd/${plural}.pratique.dev`, '--timeout=30s']);
    }
    await kubectl(['apply', '-f', '-'], rendered.stdout);
    await apply('flags', {
      require: { quarantine: { mayPull: [{ groups: ['system:serviceaccounts:lab'] }] } },
    });

    await promotion('shop-mirror', `${NAME}/shop/*`, 'registry.example.com/quarantine', { mirror: {} });
    await promotion(
      'shop-to-golden',
      'registry.example.com/quarantine/shop/*',
      'registry.example.com/golden',
      {
        promote: {},
      },
    );

    kubeconfig = join(workspace.folder, 'gate.kubeconfig');
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

  const askedAt = (): Promise<string> =>
    kubectl([
      ...['get', 'imagepromotion', 'shop-mirror', '-n', NAMESPACE],
      ...['-o', String.raw`jsonpath={.metadata.annotations.pratique\.dev/asked-at}`],
    ]);
  const missing = async (name: string): Promise<{ status: number; message: string; seconds: number }> => {
    const { token } = (await (await fetch(`${url}/token`)).json()) as { token: string };
    const headers = { authorization: `Bearer ${token}` };
    const answer = await fetch(`${url}/v2/${NAME}/${name}`, { headers });
    const { errors } = (await answer.json()) as { errors: [{ message: string }] };
    const seconds = Number(answer.headers.get('retry-after') ?? 0);
    return { status: answer.status, message: errors[0].message, seconds };
  };

  it('G40 G41 a missing image is asked for once, by the promotion that selects it, with where it is on its way', async () => {
    await kubectl(['annotate', 'imagepromotion', 'shop-mirror', '-n', NAMESPACE, 'pratique.dev/asked-at-']);
    expect((await missing('shop/web/manifests/0.9')).message, 'not selected').not.to.include('promotion');
    expect(await askedAt()).to.equal('');
    await until({
      what: 'what a replica has read and written before is old',
      withinMs: 20_000,
      check: async () => {
        await missing('shop/web/manifests/2.0');
        return (await askedAt()) !== '';
      },
    });
    const answers = await Promise.all(Array.from({ length: 50 }, () => missing('shop/web/manifests/2.0')));
    for (const { status, message, seconds } of answers) {
      expect(status).to.equal(404);
      expect(message).to.match(/NotPromotedYet: .*"shop-mirror" (?:was asked for it|begins) .*ask again in/);
      expect(seconds).to.be.within(1, 120);
    }
    const first = await askedAt();
    expect(first).to.match(/^20\d\d-.*Z$/);
    await missing('shop/web/manifests/2.1');
    expect(await askedAt(), 'one run brings both').to.equal(first);
    const time = new Date(Date.parse(first) + 1_000).toISOString().slice(0, 19) + 'Z';
    const images = [
      { repository: `${NAME}/shop/web`, tag: '2.0', decision: 'Mirrored', completionTime: time },
    ];
    const run = { promotion: { name: 'shop-mirror', uid: 'x', generation: 1 }, trigger: 'Event' };
    await cluster.apply({
      ...{ apiVersion: 'pratique.dev/v1alpha1', kind: 'ImagePromotionRun' },
      metadata: { name: 'ended', namespace: NAMESPACE },
      spec: {
        ...run,
        template: {
          source: { repositories: [{ from: `${NAME}/shop/*` }] },
          ...{
            target: { repository: 'registry.example.com/quarantine' },
            tags: { semver: ['*'] },
            mirror: {},
          },
        },
      },
    });
    const write = (kind: string, name: string, status: object): Promise<string> =>
      kubectl([
        ...['patch', kind, name, '-n', NAMESPACE, '--subresource=status', '--type=merge'],
        ...['-p', JSON.stringify({ status })],
      ]);
    await write('imagepromotionrun', 'ended', { phase: 'Succeeded', completionTime: time, images });
    const lastRun = { name: 'ended', generation: 1, completionTime: time };
    await write('imagepromotion', 'shop-mirror', { lastRunTime: time, lastRun });
    await until({
      what: 'the answer says that it is in quarantine',
      withinMs: 20_000,
      check: async () =>
        /mirrored \d\d:\d\dZ into quarantine; promotion "shop-to-golden" has not run yet; ask again in 5 min/.test(
          (await missing('shop/web/manifests/2.0')).message,
        ),
    });
    expect(await askedAt(), 'what has arrived is not asked for').to.equal(first);
  });

  it('G46 the gate may change one annotation of one promotion, and nothing else', async () => {
    const gate = await openCluster({ kubeconfig, userAgent: 'test' });
    if (!gate.ok) throw new Error(JSON.stringify(gate.problems));
    const patch = (name: string, change: object) =>
      gate.value.patch({ resource: RESOURCES.promotions, namespace: NAMESPACE, name }, change);
    const annotated = (annotations: object) => ({ metadata: { annotations } });
    const moment = { 'pratique.dev/asked-at': '2026-11-29T12:00:00.000Z' };
    const allowed = await patch('shop-mirror', annotated(moment));
    expect(allowed.ok, JSON.stringify(allowed)).to.equal(true);
    for (const [what, name, change] of [
      ['another promotion', 'shop-to-golden', annotated(moment)],
      ['the spec', 'shop-mirror', { spec: { tags: { semver: ['*'] } } }],
      ['the sources', 'shop-mirror', { spec: { source: { repositories: [{ from: 'docker.io/evil/*' }] } } }],
      ['another annotation', 'shop-mirror', annotated({ 'reconcile.pratique.dev/requestedAt': 'now' })],
      ['a label', 'shop-mirror', { metadata: { labels: { team: 'evil' } } }],
      ['a finalizer', 'shop-mirror', { metadata: { finalizers: ['example.com/stuck'] } }],
      ['no moment', 'shop-mirror', annotated({ 'pratique.dev/asked-at': 'docker.io/evil/image:latest' })],
      ['the removal of the annotation', 'shop-mirror', annotated({ 'pratique.dev/asked-at': null })],
    ] as const) {
      const refused = await patch(name, change);
      expect(refused, what).to.include({ ok: false, status: 403 });
    }
    await gate.value.close();
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
