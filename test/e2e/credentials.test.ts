import { join } from 'node:path';
import { expect } from 'chai';
import { pushImage } from '../support/registry/push.ts';
import type { Outcome } from './support/programs/command.ts';
import { admitted, refused } from './support/installation/coverage-fixture.ts';
import {
  openClusterFixture,
  REQUIRE_SIGNATURES,
  type ClusterFixture,
} from './support/cluster/cluster-fixture.ts';
import { basic, startLockedRegistry, type LockedRegistry } from './support/promotions/locked-registry.ts';
import { policy } from './support/installation/policies.ts';
import { dockerConfig, loginFor, pullSecretOf } from './support/cluster/pull-secret.ts';
import { openRunningPods } from './support/cluster/running-pods.ts';
import { until } from './support/wait.ts';
import { deployment } from './support/workload-objects.ts';

const POLICY_KIND = join(import.meta.dirname, '..', '..', 'crds', 'pratique.dev_imagepolicies.yaml');
/** Passwords that no other text contains by chance. */
const PASSWORDS = { team: 'team-5a1fd2c9e07b', controller: 'controller-88b4e61d3f20' };
const WRONG = 'wrong-c3309f7e1ab4';
/** Milliseconds until a changed Secret takes effect at the latest. */
const REMEMBER_MS = 1_000;
const WITHIN_MS = 10_000;
/** The level of log lines that report an error. */
const ERROR = 50;
/** Running images that would be admitted now, in the metrics of the leader. */
const ALLOWED = 'pratique_running_images{verdict="allow",reason=""}';

describe('images of a private registry', () => {
  let locked: LockedRegistry;
  let fixture: ClusterFixture;

  before(async () => {
    locked = await startLockedRegistry(PASSWORDS);
    fixture = await openClusterFixture({
      // Promotions are disabled: admission does not need them or their CRDs.
      values: {
        promotions: { enabled: false },
        crds: { install: false },
        settings: { credentials: { rememberMs: REMEMBER_MS } },
      },
      prepare: async (cluster) => {
        const { code, stderr } = await cluster.kubectl(['apply', '-f', POLICY_KIND]);
        if (code !== 0) throw new Error(stderr);
      },
      dockerConfig: dockerConfig(`${locked.host}/own`, 'controller', PASSWORDS.controller),
    });
    locked.forwardTo(fixture.registry.host);
    const { cluster } = fixture;
    await cluster.apply(policy('locked', `${locked.host}/**`, REQUIRE_SIGNATURES));
    await cluster.createNamespace('other');
    await until({
      what: 'the policy to be in force',
      withinMs: WITHIN_MS,
      check: async () => (await run(`${locked.host}/team/none:v1`)).code !== 0,
    });
  });

  after(async () => {
    await fixture.stop();
    await locked.stop();
  });

  let pods = 0;
  const create = (namespace: string, object: object): Promise<Outcome> =>
    fixture.cluster.kubectl(['-n', namespace, 'create', '-f', '-'], { input: JSON.stringify(object) });
  const run = (image: string, spec: object = {}, namespace = 'shop'): Promise<Outcome> => {
    pods += 1;
    const containers = [{ name: 'web', image }];
    const metadata = { name: `pod-${String(pods)}` };
    return create(namespace, { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers, ...spec } });
  };
  const withSecret = (...names: readonly string[]) => ({ imagePullSecrets: names.map((name) => ({ name })) });
  const pullSecret = (name: string, password: string, namespace = 'shop'): Promise<void> =>
    fixture.cluster.apply(pullSecretOf(name, namespace, loginFor(locked.host, 'team', password)));
  /** A signed image by its name at the private registry. */
  const signed = async (repository: string): Promise<{ readonly tag: string; readonly pinned: string }> => {
    const { registry, cosign, keys } = fixture;
    const target = { registry: registry.host, repository, tag: 'v1' };
    const { reference, digest } = await pushImage(target, { salt: repository });
    await cosign.sign(reference, { key: keys.release, format: 'bundle' });
    const name = `${locked.host}/${repository}`;
    return { tag: `${name}:v1`, pinned: `${name}@${digest}` };
  };

  it('without a login the image cannot be verified, and is refused', async () => {
    const { tag, pinned } = await signed('team/no-login');
    await refused(run(tag), ': RegistryDenied: ', '[policy locked]');
    await refused(run(pinned), ': RegistryDenied: ');
  });

  it('an image is verified with the pull secret that its pod names', async () => {
    const { tag, pinned } = await signed('team/by-pod');
    await pullSecret('pull', PASSWORDS.team);
    await admitted(run(tag, withSecret('pull')));
    await admitted(run(pinned, withSecret('pull')));
  });

  it('an unsigned image of the private registry is refused as unsigned', async () => {
    const target = { registry: fixture.registry.host, repository: 'team/unsigned', tag: 'v1' };
    await pushImage(target, { salt: 'unsigned' });
    await refused(run(`${locked.host}/team/unsigned:v1`, withSecret('pull')), ': Unsigned: ');
  });

  it('the pull secrets of the service account apply to its pods and to templates that name it', async () => {
    const { tag } = await signed('team/by-account');
    const metadata = { name: 'deployer', namespace: 'shop' };
    await fixture.cluster.apply({
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata,
      ...withSecret('pull'),
    });
    await admitted(run(tag, { serviceAccountName: 'deployer' }));
    const { spec, ...object } = deployment('by-account', tag, 0) as ReturnType<typeof deployment> & {
      readonly spec: { readonly template: { readonly metadata: object; readonly spec: object } };
    };
    const named = { ...spec.template.spec, serviceAccountName: 'deployer' };
    await refused(create('shop', { ...object, spec }), ': RegistryDenied: ');
    const template = { ...spec.template, spec: named };
    await admitted(create('shop', { ...object, spec: { ...spec, template } }));
  });

  it('a pod with a wrong password is refused, and admitted after the correction', async () => {
    const { tag } = await signed('team/wrong');
    await pullSecret('rotated', WRONG);
    await refused(run(tag, withSecret('rotated')), ': RegistryDenied: ');
    await pullSecret('rotated', PASSWORDS.team);
    await until({
      what: 'the right password to count',
      withinMs: WITHIN_MS,
      check: async () => (await run(tag, withSecret('rotated'))).code === 0,
    });
  });

  it('every pull secret that matches is tried, in any order, and hosts may be patterns', async () => {
    const { tag } = await signed('team/several');
    await pullSecret('stale', WRONG);
    await admitted(run(tag, withSecret('stale', 'pull')));
    await admitted(run(tag, withSecret('pull', 'stale')));
    await refused(run(tag, withSecret('stale')), ': RegistryDenied: ');
    const pattern = loginFor(locked.host.replace(/^\w+/, '*'), 'team', PASSWORDS.team);
    const auths = { 'other.example.com': { auth: 'Og==' }, ...pattern };
    await fixture.cluster.apply(pullSecretOf('pattern', 'shop', auths));
    await admitted(run(tag, withSecret('pattern')));
  });

  it('a missing pull secret is the reason where the registry asks for a login: refused, not as temporary, and admitted when the secret exists', async () => {
    const { tag } = await signed('team/missing');
    const named = withSecret('late');
    const { code, stderr } = await run(tag, named);
    expect(code).to.equal(1);
    expect(stderr).to.contain(': PullSecretUnreadable: ').and.to.contain('Secret shop/late: does not exist');
    expect(stderr).not.to.contain('temporary');
    await pullSecret('late', PASSWORDS.team);
    await until({
      what: 'the new secret to count',
      withinMs: WITHIN_MS,
      check: async () => (await run(tag, named)).code === 0,
    });
  });

  it('a missing pull secret has no effect beside one that matches', async () => {
    const { tag } = await signed('team/beside');
    await admitted(run(tag, withSecret('never-made', 'pull')));
  });

  it('a missing pull secret does not refuse an image that anyone may read: a warning names it', async () => {
    const { registry, cosign, keys } = fixture;
    const target = { registry: registry.host, repository: 'shop/anyone', tag: 'v1' };
    const { reference } = await pushImage(target, { salt: 'anyone' });
    await cosign.sign(reference, { key: keys.release, format: 'bundle' });
    await fixture.cluster.apply(policy('open', `${registry.host}/shop/anyone`, REQUIRE_SIGNATURES));
    await until({
      what: 'the policy to be in force, and the pod to be admitted',
      withinMs: WITHIN_MS,
      check: async () => {
        const { code, stderr } = await run(`${registry.host}/shop/anyone:v1`, withSecret('never-made'));
        return (
          code === 0 && stderr.includes('PullSecretUnreadable') && stderr.includes('Secret shop/never-made')
        );
      },
    });
  });

  it('a secret of another type is refused as permanent', async () => {
    const { tag } = await signed('team/opaque');
    const secret = [
      'create',
      'secret',
      'generic',
      'opaque',
      '-n',
      'shop',
      `--from-literal=a=${PASSWORDS.team}`,
    ];
    await admitted(fixture.cluster.kubectl(secret));
    const { code, stderr } = await run(tag, withSecret('opaque'));
    expect(code).to.equal(1);
    expect(stderr).to.contain(': PullSecretUnreadable: ').and.to.contain('Secret shop/opaque');
    expect(stderr).not.to.contain('temporary');
  });

  it('T07: an image that one namespace may pull is not verified for another', async () => {
    const { tag, pinned } = await signed('team/tenants');
    for (const image of [tag, pinned]) await admitted(run(image, withSecret('pull')));
    for (const image of [tag, pinned]) await refused(run(image, {}, 'other'), ': RegistryDenied: ');
    // The same name in another namespace is another secret.
    await refused(run(pinned, withSecret('pull'), 'other'), ': PullSecretUnreadable: ', 'Secret other/pull');
    await pullSecret('guess', WRONG, 'other');
    await refused(run(pinned, withSecret('guess'), 'other'), ': RegistryDenied: ');
    // A refusal for one namespace does not apply to the other.
    await admitted(run(pinned, withSecret('pull')));
  });

  it("the controller's own login is used last: when no other matches", async () => {
    const { tag } = await signed('own/last');
    locked.forget();
    await admitted(run(tag));
    expect(locked.callers()).to.include('controller').and.not.include('team');
    locked.forget();
    await admitted(run(tag, withSecret('pull')));
    expect(locked.callers()).to.include('team').and.not.include('controller');
    // Named and missing, but not needed.
    await admitted(run(tag, withSecret('never-made')));
  });

  it('a running image is judged with the logins of its pod', async () => {
    const pods = await openRunningPods(fixture.cluster, 'shop');
    const running = async (line: string): Promise<number> => {
      const pages = await Promise.all(fixture.replicas.map(async (one) => (await one.page('/metrics')).body));
      const found = pages.flatMap((body) => body.split('\n')).find((one) => one.startsWith(line));
      return Number(found?.slice(line.length) ?? 0);
    };
    const untilRunning = (count: number) =>
      until({
        what: `${String(count)} running images that may run`,
        withinMs: WITHIN_MS,
        check: async () => (await running(ALLOWED)) === count,
      });
    const before = await running(ALLOWED);
    const { pinned } = await signed('team/running');
    locked.forget();
    await pods.start('running', pinned, pinned, withSecret('pull'));
    await untilRunning(before + 1);
    // The registry challenges the first request; then it receives this pod's login and no other.
    expect(locked.callers()).to.include('team').and.not.include('controller');
    await pods.remove('running');
    await untilRunning(before);
  });

  it('are judged without the CRDs of promotions, which no component reads or has a right to', async () => {
    const { cluster, installation, replicas } = fixture;
    const account = `--as=system:serviceaccount:${installation.namespace}:pratique`;
    for (const verb of ['list', 'patch']) {
      const can = await cluster.kubectl(['auth', 'can-i', verb, 'imagepromotions.pratique.dev', account]);
      expect(can.stdout.trim(), verb).to.equal('no');
    }
    for (const replica of replicas) {
      const log = (await replica.log()).split('\n').filter(Boolean);
      expect(log.filter((line) => /promotion/i.test(line))).to.deep.equal([]);
      const errors = log
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line) as { level: number })
        .filter(({ level }) => level >= ERROR);
      expect(errors).to.deep.equal([]);
    }
  });

  it('no password is in any log, on any page, or in a message to users', async () => {
    const published = await Promise.all(
      fixture.replicas.map(async (replica) =>
        [
          await replica.log(),
          (await replica.page('/metrics')).body,
          (await replica.page('/readyz')).body,
        ].join(),
      ),
    );
    const { stdout: events } = await fixture.cluster.kubectl(['get', 'events', '-A', '-o', 'json']);
    const { stderr } = await run(`${locked.host}/team/wrong:v2`, withSecret('guess', 'pull'));
    const logins = [...Object.entries(PASSWORDS), ['team', WRONG] as const];
    const secrets = logins.flatMap(([name, password]) => [
      password,
      basic(name, password).slice('Basic '.length),
    ]);
    expect(published.join()).to.contain('RegistryDenied').and.to.contain('PullSecretUnreadable');
    for (const secret of secrets)
      for (const text of [...published, events, stderr])
        expect(text.includes(secret), secret).to.equal(false);
  });
});
