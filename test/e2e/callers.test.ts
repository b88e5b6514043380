import { AdmissionregistrationV1Api } from '@kubernetes/client-node';
import { expect } from 'chai';
import { Agent, request } from 'undici';
import { podReview } from '../support/reviews.ts';
import { openClusterFixture, type ClusterFixture } from './support/cluster/cluster-fixture.ts';
import { startLoad, type Load } from './support/cluster/pod-load.ts';
import { NAMESPACE } from './support/installation/installation.ts';
import { until } from './support/wait.ts';

const MINUTE_MS = 60_000;
const KINDS = ['validatingwebhookconfiguration', 'mutatingwebhookconfiguration'];

describe('callers of the webhooks, in a cluster', function () {
  this.timeout(8 * MINUTE_MS);
  let fixture: ClusterFixture;
  let signed: string;
  /** Every path that was named at any time. */
  const paths = new Set<string>();

  before(async () => {
    fixture = await openClusterFixture({
      replicas: 1,
      values: {
        pinning: { enabled: true },
        settings: { certificates: { lifetimeMs: MINUTE_MS, authorityLifetimeMs: 60 * MINUTE_MS } },
      },
    });
    signed = await fixture.push('signed', fixture.keys.release);
  });

  after(() => fixture.stop());

  const kubectl = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await fixture.cluster.kubectl(args);
    if (code !== 0) throw new Error(stderr);
    return stdout;
  };
  const named = async (): Promise<readonly string[]> => {
    const api = fixture.cluster.client.makeApiClient(AdmissionregistrationV1Api);
    const configurations = await Promise.all([
      api.readValidatingWebhookConfiguration({ name: 'pratique' }),
      api.readMutatingWebhookConfiguration({ name: 'pratique' }),
    ]);
    const found = configurations.map(({ webhooks }) => webhooks?.[0]?.clientConfig.service?.path ?? '');
    for (const one of found) paths.add(one);
    return found;
  };
  const untilNamed = (what: string, check: (found: readonly string[]) => boolean) =>
    until({ what, withinMs: 3 * MINUTE_MS, everyMs: 500, check: async () => check(await named()) });
  const withSecret = (path: string) => /^\/(?:validate|mutate)\/[0-9a-f]{64}$/.test(path);
  const lost = ({ attempts }: Load) =>
    attempts.filter(({ admitted }) => !admitted).map(({ message }) => message);
  /** What a pod that reaches the port of a replica gets. */
  const posted = async (
    path: string,
    index = 0,
  ): Promise<{ readonly status: number; readonly text: string }> => {
    const dispatcher = new Agent({ connect: { rejectUnauthorized: false } });
    const body = JSON.stringify(podReview([signed], { namespace: 'kube-system' }));
    const url = `${fixture.replicas[index]?.url ?? ''}${path}`;
    const answer = await request(url, { method: 'POST', body, dispatcher });
    const text = await answer.body.text();
    await dispatcher.close();
    return { status: answer.statusCode, text };
  };

  it('C05 a configuration as a former version registered it goes over to a secret path without a pod refused', async () => {
    // As it is when a chart of a former version was installed: the path is named, and the authority is trusted.
    await untilNamed('a secret path', (found) => found.every(withSecret));
    await fixture.replicas[0]?.kill();
    fixture.replicas.length = 0;
    await kubectl('delete', 'secret', 'pratique-webhook-path', '-n', NAMESPACE);
    for (const [kind, value] of [
      [KINDS[0] ?? '', '/validate'],
      [KINDS[1] ?? '', '/mutate'],
    ] as const) {
      const patch = [{ op: 'replace', path: '/webhooks/0/clientConfig/service/path', value }];
      await kubectl('patch', kind, 'pratique', '--type=json', '-p', JSON.stringify(patch));
    }
    // A replica of the former version leads, and ends only when one of this version is ready.
    const lease = {
      ...{ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' },
      metadata: { name: 'pratique', namespace: NAMESPACE },
      spec: {
        holderIdentity: 'former',
        leaseDurationSeconds: 40,
        renewTime: new Date().toISOString().replace('Z', '000Z'),
      },
    };
    await kubectl('delete', 'lease', 'pratique', '-n', NAMESPACE);
    await fixture.cluster.apply(lease);
    for (const name of ['replica-1', 'replica-2'])
      fixture.replicas.push(await fixture.installation.start(name));
    await until({
      what: 'a pod',
      withinMs: MINUTE_MS,
      check: async () => (await fixture.run(signed)).code === 0,
    });
    expect((await posted('/validate')).status).to.equal(200);
    expect(await named()).to.deep.equal(['/validate', '/mutate']);
    const load = startLoad(fixture.cluster, 'upgrade', [signed]);
    await untilNamed('secret paths', (found) => found.every(withSecret));
    await until({
      what: 'the plain path closed',
      withinMs: 2 * MINUTE_MS,
      check: async () => (await posted('/validate')).status === 404,
    });
    await load.stop();
    console.log(`      (${load.attempts.length} pods)`);
    expect(lost(load)).to.deep.equal([]);
  });

  it('C01 a direct POST to a replica gets 404 and nothing else, while pods are judged through the API server', async () => {
    const nowhere = await posted('/no-such-path');
    expect(nowhere.status).to.equal(404);
    for (const index of [0, 1])
      for (const path of ['/validate', '/mutate', `/validate/${'0'.repeat(64)}`, '/validate?timeout=10s'])
        expect(await posted(path, index), path).to.deep.equal(nowhere);
    const [path = ''] = await named();
    expect((await posted(path)).status).to.equal(200);
    expect((await fixture.run(await fixture.push('unsigned'))).stderr).to.contain('Unsigned');
  });

  it('C04 loses no request while the paths are rotated under load', async () => {
    const before = await named();
    const load = startLoad(fixture.cluster, 'rotation', [signed]);
    await untilNamed('other paths', (found) =>
      found.every((one) => withSecret(one) && !before.includes(one)),
    );
    await until({
      what: 'the former path closed',
      withinMs: 2 * MINUTE_MS,
      check: async () => (await posted(before[0] ?? '')).status === 404,
    });
    await load.stop();
    console.log(`      (${load.attempts.length} pods)`);
    expect(lost(load)).to.deep.equal([]);
  });

  it('C06 no path that was ever named is in a log, a metric, a probe, an event or the output of doctor', async () => {
    const { cluster, installation, replicas } = fixture;
    await named();
    const doctor = await installation.pratique(['doctor'], cluster.kubeconfigPath);
    expect(doctor.stdout).to.match(/ok +webhook path /);
    const [first] = replicas;
    await first?.stop();
    replicas.shift();
    // What a creator of pods gets while no replica answers repeats the URL: it is what the rotation is for.
    const pages = await Promise.all(
      replicas.flatMap((one) => [
        one.log(),
        ...['/metrics', '/readyz'].map(async (path) => (await one.page(path)).body),
      ]),
    );
    const texts = [
      doctor.stdout,
      doctor.stderr,
      ...pages,
      await kubectl('get', 'events', '-A', '-o', 'json'),
    ];
    const secrets = [...paths].filter(withSecret).map((path) => path.split('/')[2] ?? '');
    expect(secrets.length).to.be.at.least(2);
    for (const text of texts) for (const secret of secrets) expect(text.includes(secret)).to.equal(false);
  });
});
