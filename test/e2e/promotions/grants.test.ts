import { expect } from 'chai';
import { basic, auth } from '../../support/promotions/company.ts';
import { startRegistry, type EmbeddedRegistry } from '../../support/registry/index.ts';
import { pushImage, type Pushed } from '../../support/registry/push.ts';
import { openClusterFixture, type ClusterFixture } from '../support/cluster/cluster-fixture.ts';
import type { PromotionSeen, RunSeen } from '../support/promotions/promotions.ts';
import { until } from '../support/wait.ts';

const tags = { explicit: ['1.0'] };
const OVER = /^(?:Succeeded|Failed|Blocked)$/;
/** Much longer than a small run; rights of a new binding take a while to be aggregated. */
const WITHIN_MS = 45_000;

describe('editors of namespaces and the login of the installation', () => {
  let fixture: ClusterFixture;
  let company: EmbeddedRegistry;
  let hers: EmbeddedRegistry;

  before(async () => {
    company = await startRegistry({
      auth: { kind: 'basic', username: 'pratique', password: 'of-pratique' },
    });
    hers = await startRegistry();
    const repositories = [`${company.host}/team-b/**`, `${company.host}/golden/**`];
    const grants = [
      { namespaces: ['platform'], repositories, access: ['Read', 'Write', 'Delete'] },
      { namespaceSelector: { matchLabels: { team: 'b' } }, repositories, access: ['Read'] },
    ];
    fixture = await openClusterFixture({
      replicas: 1,
      dockerConfig: { auths: { [company.host]: auth('pratique') } },
      values: { settings: { promotions: { grants } } },
    });
    for (const [namespace, user] of Object.entries(EDITORS)) {
      await fixture.cluster.createNamespace(namespace);
      await kubectl('create', 'rolebinding', user, '-n', namespace, '--clusterrole=edit', `--user=${user}`);
    }
    await kubectl('label', 'namespace', 'team-b', 'team=b');
    for (const [namespace, user] of Object.entries(EDITORS))
      await until({
        what: `the rights of ${user}`,
        withinMs: WITHIN_MS,
        everyMs: 500,
        check: () => may(user, 'create', 'imagepromotions.pratique.dev', '-n', namespace),
      });
  });
  after(async () => {
    await fixture.stop();
    await company.close();
    await hers.close();
  });

  /** Who may edit which namespace. */
  const EDITORS = { 'team-a': 'mallory', 'team-b': 'bob', platform: 'grace' } as const;
  const kubectl = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await fixture.cluster.kubectl(args);
    expect(code, stderr).to.equal(0);
    return stdout;
  };
  const may = async (user: string, ...what: readonly string[]): Promise<boolean> =>
    (await fixture.cluster.kubectl(['auth', 'can-i', ...what, '--as', user])).stdout.trim() === 'yes';
  const headers = { authorization: basic('pratique') };
  const push = (repository: string): Promise<Pushed> =>
    pushImage({ registry: company.host, repository, tag: '1.0', headers }, { salt: repository });
  const at = async ({ url }: EmbeddedRegistry, repository: string): Promise<string | null> => {
    const accept = 'application/vnd.oci.image.manifest.v1+json';
    const answer = await fetch(`${url}/v2/${repository}/manifests/1.0`, { headers: { ...headers, accept } });
    return answer.headers.get('docker-content-digest');
  };
  const side = ({ host }: EmbeddedRegistry, repository: string) => ({ repository: `${host}/${repository}` });

  /** Creates a promotion as the editor of a namespace, and waits until its first run is over and reported. */
  async function run(namespace: keyof typeof EDITORS, name: string, spec: object) {
    const object = {
      apiVersion: 'pratique.dev/v1alpha1',
      kind: 'ImagePromotion',
      metadata: { name, namespace },
      spec: { ...spec, tags },
    };
    const input = JSON.stringify(object);
    const made = await fixture.cluster.kubectl(['create', '-f', '-', '--as', EDITORS[namespace]], { input });
    expect(made.code, made.stderr).to.equal(0);
    const seen: { run?: RunSeen; promotion?: PromotionSeen } = {};
    await until({
      what: `the run of ${namespace}/${name}`,
      withinMs: WITHIN_MS,
      everyMs: 300,
      check: async () => {
        const runs = JSON.parse(await kubectl('get', 'iprr', '-n', namespace, '-o', 'json')) as {
          items: RunSeen[];
        };
        seen.run = runs.items.find(({ spec: { promotion } }) => promotion.name === name);
        seen.promotion = JSON.parse(
          await kubectl('get', 'imagepromotion', name, '-n', namespace, '-o', 'json'),
        ) as PromotionSeen;
        const ready = seen.promotion.status?.conditions?.find(({ type }) => type === 'Ready');
        return OVER.test(seen.run?.status?.phase ?? '') && ready !== undefined && ready.status !== 'Unknown';
      },
    });
    return {
      phase: seen.run?.status?.phase,
      reason: seen.run?.status?.conditions?.find(({ type }) => type === 'Failed')?.reason,
      ready: seen.promotion?.status?.conditions?.find(({ type }) => type === 'Ready'),
    };
  }
  async function expectRefused(name: string, spec: object): Promise<void> {
    const { phase, reason, ready } = await run('team-a', name, spec);
    expect({ phase, reason }).to.deep.equal({ phase: 'Failed', reason: 'NotGranted' });
    expect(ready).to.include({ status: 'False', reason: 'NotGranted' });
    expect(ready?.message).to.include('promotions.grants').and.include('namespaces: [team-a]');
    await until({
      what: `the event about ${name}`,
      withinMs: WITHIN_MS,
      everyMs: 300,
      check: async () => {
        const events = await kubectl('get', 'events.events.k8s.io', '-n', 'team-a', '-o', 'json');
        const { items } = JSON.parse(events) as { items: { reason: string; regarding: { name: string } }[] };
        return items.some((one) => one.reason === 'NotGranted' && one.regarding.name === name);
      },
    });
  }

  const PLAIN = { mirror: { quarantine: false, provenance: false, history: false } };
  const steal = () => ({ source: side(company, 'team-b/payroll'), target: side(hers, 'm/loot'), ...PLAIN });
  const plant = () => ({ source: side(hers, 'm/base'), target: side(company, 'golden/base'), promote: {} });
  const destroy = (source = 'team-b/payroll') => ({
    source: side(company, source),
    target: side(hers, 'm/loot-2'),
    promote: { deleteSource: true },
  });

  it('K20 the ClusterRole edit in one namespace neither reads, overwrites nor deletes with it', async () => {
    const [loot, good] = [await push('team-b/payroll'), await push('golden/base')];
    await pushImage({ registry: hers.host, repository: 'm/base', tag: '1.0' }, { salt: 'backdoor' });
    expect(await may('mallory', 'get', 'secrets', '-n', fixture.installation.namespace)).to.equal(false);
    const labelled = ['label', 'namespace', 'team-a', 'team=b', '--as', 'mallory'];
    expect((await fixture.cluster.kubectl(labelled)).code).not.to.equal(0);
    company.forgetLog();
    await expectRefused('steal', steal());
    await expectRefused('plant', plant());
    await expectRefused('destroy', destroy());
    expect(company.requests.filter(({ authorized }) => authorized)).to.deep.equal([]);
    expect(await at(hers, 'm/loot')).to.equal(null);
    expect(await at(company, 'golden/base')).to.equal(good.digest);
    expect(await at(company, 'team-b/payroll')).to.equal(loot.digest);
  });

  it('K20 no password goes to a registry that the settings do not name for plain http', async () => {
    const { phase, reason, ready } = await run('platform', 'insecure', {
      source: { ...side(company, 'golden/base'), insecure: true },
      target: side(hers, 'm/insecure'),
      ...PLAIN,
    });
    expect({ phase, reason }).to.deep.equal({ phase: 'Failed', reason: 'InsecureNotAllowed' });
    expect(ready).to.include({ status: 'False', reason: 'InsecureNotAllowed' });
  });

  it('K04 what the settings grant by name or by labels works', async () => {
    const loot = await push('team-b/payroll');
    expect(await run('team-b', 'copy', steal())).to.include({ phase: 'Succeeded' });
    expect(await at(hers, 'm/loot')).to.equal(loot.digest);
    expect(await run('team-b', 'write', plant())).to.include({ phase: 'Failed', reason: 'NotGranted' });
    const bad = await pushImage({ registry: hers.host, repository: 'm/base', tag: '1.0' }, { salt: 'b' });
    expect(await run('platform', 'plant', plant())).to.include({ phase: 'Succeeded' });
    expect(await at(company, 'golden/base')).to.equal(bad.digest);
    expect(await run('platform', 'destroy', destroy())).to.include({ phase: 'Succeeded' });
    expect(await at(company, 'team-b/payroll')).to.equal(null);
  });
});
