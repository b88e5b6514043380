import { expect } from 'chai';
import {
  openClusterFixture,
  REQUIRE_SIGNATURES,
  type ClusterFixture,
} from '../support/cluster/cluster-fixture.ts';
import { policy, secret } from '../support/installation/policies.ts';
import { until } from '../support/wait.ts';

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}
interface PolicyStatus {
  readonly observedGeneration?: number;
  readonly conditions?: readonly Condition[];
  readonly images?: { readonly judged: number; readonly denied: number };
}

/** A key rotated in its Secret has to count within this time. */
const ROTATED_WITHIN_MS = 5_000;

describe('the chart, installed in a cluster', () => {
  let fixture: ClusterFixture;

  before(async () => {
    fixture = await openClusterFixture();
  });

  after(() => fixture.stop());

  const kubectl = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await fixture.cluster.kubectl(args);
    if (code !== 0) throw new Error(stderr);
    return stdout;
  };
  const statusOf = async (name: string): Promise<PolicyStatus> => {
    const object = JSON.parse(await kubectl('get', 'imagepolicy', name, '-o', 'json')) as {
      status?: PolicyStatus;
    };
    return object.status ?? {};
  };
  const condition = async (name: string, type: string): Promise<Condition | undefined> =>
    (await statusOf(name)).conditions?.find((one) => one.type === type);
  const untilCondition = (name: string, type: string, status: string): Promise<void> =>
    until({
      what: `${type}=${status} of policy ${name}`,
      withinMs: 20_000,
      check: async () => (await condition(name, type))?.status === status,
    });

  it('both replicas serve, and one of them leads', async () => {
    const leading = await Promise.all(
      fixture.replicas.map(async (replica) => {
        const { body } = await replica.page('/metrics');
        return /^pratique_leader (\d)$/m.exec(body)?.[1];
      }),
    );
    expect(leading.toSorted()).to.deep.equal(['0', '1']);
  });

  it('has a default policy that warns, and a first policy that is ready', async () => {
    await untilCondition('default', 'Ready', 'True');
    await untilCondition('production', 'Ready', 'True');
    const columns = (await kubectl('get', 'ipol')).split('\n')[0] ?? '';
    expect(columns.split(/\s+/)).to.include.members(['ENFORCEMENT', 'READY', 'DENIED', 'UNKNOWN', 'AGE']);
  });

  it('admits a signed image and refuses an unsigned one, with the next step', async () => {
    const { push, run, keys } = fixture;
    expect((await run(await push('signed', keys.release))).code).to.equal(0);
    const { code, stderr } = await run(await push('unsigned'));
    expect(code).to.equal(1);
    expect(stderr).to.contain(
      'admission webhook "images.pratique.dev" denied the request: 1 of 1 images refused:',
    );
    expect(stderr).to.contain('Unsigned').and.to.contain('[policy production]');
  });

  it('B03: an object that was created with zero replicas is judged when it is scaled, by every means', async () => {
    const image = await fixture.push('scaled');
    // Made before any policy spoke of it.
    await fixture.cluster.apply(policy('production', 'nowhere.example.com/**', REQUIRE_SIGNATURES));
    await until({
      what: 'the policy to be gone',
      withinMs: 10_000,
      check: async () =>
        (
          await fixture.cluster.kubectl([
            'create',
            'deployment',
            'scaled',
            '-n',
            'shop',
            `--image=${image}`,
            '--replicas=0',
          ])
        ).code === 0,
    });
    await fixture.cluster.apply(policy('production', `${fixture.registry.host}/shop/**`, REQUIRE_SIGNATURES));
    await until({
      what: 'the policy to be back',
      withinMs: 10_000,
      check: async () => (await fixture.run(image)).code !== 0,
    });
    const scale = await fixture.cluster.kubectl(['scale', 'deployment/scaled', '-n', 'shop', '--replicas=2']);
    expect(scale.code, scale.stderr).to.equal(1);
    expect(scale.stderr).to.contain('Unsigned');
    const patch = JSON.stringify({ spec: { replicas: 2 } });
    const patched = await fixture.cluster.kubectl(['patch', 'deployment/scaled', '-n', 'shop', '-p', patch]);
    expect(patched.stderr).to.contain('Unsigned');
    const same = await fixture.cluster.kubectl(['scale', 'deployment/scaled', '-n', 'shop', '--replicas=0']);
    expect(same.code, same.stderr).to.equal(0);
    await kubectl('label', 'deployment/scaled', '-n', 'shop', 'still=editable');
  });

  it('T05: a key rotated in its Secret reaches verdicts within five seconds, without a change of the policy', async () => {
    const { cluster, push, run, keys, installation } = fixture;
    const image = await push('rotated', keys.stranger);
    expect((await run(image)).code).to.equal(1);
    const { namespace } = installation;
    const withKey = (pem: string) =>
      cluster.apply({ ...secret('release-key', pem), metadata: { name: 'release-key', namespace } });
    await withKey(keys.stranger.publicPem);
    const changed = performance.now();
    await until({
      what: 'the rotated key to count',
      withinMs: ROTATED_WITHIN_MS,
      check: async () => (await run(image)).code === 0,
    });
    console.log(`      (${Math.round(performance.now() - changed)} ms)`);
    await withKey(keys.release.publicPem);
    await until({
      what: 'the old key to count again',
      withinMs: ROTATED_WITHIN_MS,
      check: async () => (await run(image)).code === 1,
    });
  });

  it('a policy that stops compiling keeps its last good version in force, and is Stalled', async () => {
    const { cluster, push, run, keys, registry } = fixture;
    const [good, bad] = [await push('stalled-good', keys.release), await push('stalled-bad')];
    const broken = policy('production', `${registry.host}/shop/**`, REQUIRE_SIGNATURES) as {
      spec: { authorities: { key: { secretRef: { name: string } } }[] };
    };
    const [first] = broken.spec.authorities;
    if (!first) throw new Error('no authority');
    first.key.secretRef.name = 'no-such-key';
    await cluster.apply(broken);
    await untilCondition('production', 'Stalled', 'True');
    const stalled = await condition('production', 'Stalled');
    expect(stalled?.message).to.contain('spec.authorities[0].key.secretRef');
    expect((await run(good)).code).to.equal(0);
    expect((await run(bad)).code).to.equal(1);
    await cluster.apply(policy('production', `${registry.host}/shop/**`, REQUIRE_SIGNATURES));
    await untilCondition('production', 'Stalled', 'False');
  });

  it('a policy that never compiled leaves its images unknown', async () => {
    const { cluster, run, registry } = fixture;
    const authority = { name: 'release', key: { secretRef: { name: 'no-such-key', key: 'cosign.pub' } } };
    const never = policy('never', `${registry.host}/never/**`, {
      authorities: [authority],
      require: { signatures: { from: ['release'] } },
    });
    await cluster.apply(never);
    await untilCondition('never', 'Ready', 'False');
    const { stderr } = await run(`${registry.host}/never/web:1`);
    expect(stderr).to.contain('PolicyBroken');
    await kubectl('delete', 'imagepolicy', 'never');
  });

  it('the self-test proves that enforcement is on, as metric, condition and readiness detail', async () => {
    await untilCondition('production', 'Enforced', 'True');
    const pages = await Promise.all(fixture.replicas.map(async (one) => (await one.page('/metrics')).body));
    expect(pages.filter((body) => /^pratique_selftest_ok 1$/m.test(body))).to.have.lengthOf(1);
    const ready = await Promise.all(fixture.replicas.map(async (one) => (await one.page('/readyz')).body));
    expect(ready.some((body) => body.includes('self-test: proven'))).to.equal(true);
  });
});
