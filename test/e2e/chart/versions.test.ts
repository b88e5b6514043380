import { expect } from 'chai';
import {
  openClusterFixture,
  REQUIRE_SIGNATURES,
  type ClusterFixture,
} from '../support/cluster/cluster-fixture.ts';
import { policy } from '../support/installation/policies.ts';
import { until } from '../support/wait.ts';

/** API levels that one API server can be configured to serve: emulation, not the old programs themselves. */
const LEVELS = ['1.34', '1.35', '1.36', '1.37'] as const;

for (const level of LEVELS) {
  describe(`the chart on API level ${level}`, () => {
    let fixture: ClusterFixture;

    before(async () => {
      fixture = await openClusterFixture({
        cluster: { apiserverArgs: [`--emulated-version=kube=${level}`] },
        replicas: 1,
        // The first self-test comes before the webhook listens; the test does not wait ten seconds for the next.
        values: { settings: { selfTest: { everyMs: 3_000 } } },
      });
    });

    after(() => fixture.stop());

    it('admits a signed image and refuses an unsigned one', async () => {
      expect((await fixture.run(await fixture.push('signed', fixture.keys.release))).code).to.equal(0);
      expect((await fixture.run(await fixture.push('unsigned'))).stderr).to.contain('Unsigned');
    });

    it('judges a scaled object', async () => {
      const { cluster, push, registry } = fixture;
      const image = await push('scaled');
      const args = ['deployment', 'scaled', '-n', 'shop', `--image=${image}`, '--replicas=0'];
      const inForce = (enforcement: string) =>
        cluster.apply(
          policy('production', `${registry.host}/shop/**`, { ...REQUIRE_SIGNATURES, enforcement }),
        );
      await inForce('Audit');
      await until({
        what: 'the Deployment to be made',
        withinMs: 20_000,
        check: async () => (await cluster.kubectl(['create', ...args])).code === 0,
      });
      await inForce('Deny');
      await until({
        what: 'pods to be refused again',
        withinMs: 20_000,
        check: async () => (await fixture.run(image, '--dry-run=server')).code !== 0,
      });
      const scale = await cluster.kubectl(['scale', 'deployment/scaled', '-n', 'shop', '--replicas=2']);
      expect(scale.code).to.equal(1);
      expect(scale.stderr).to.contain('Unsigned');
    });

    it('proves by the self-test that enforcement is on', async () => {
      const [replica] = fixture.replicas;
      await until({
        what: 'proof',
        withinMs: 40_000,
        check: async () => (await replica?.page('/readyz'))?.body.includes('self-test: proven') ?? false,
      });
      const lines = (await replica?.page('/readyz'))?.body.split('\n') ?? [];
      const logged = lines.filter(
        (line) => line.includes('not applicable') && !line.includes('no running pod'),
      );
      console.log(`      (${lines.find((line) => line.startsWith('self-test: proven')) ?? ''})`);
      for (const line of logged) console.log(`      (${line})`);
      // Only from 1.35 on are image volumes kept without a feature gate; before, there is nothing to guard.
      expect(logged.every((line) => line.includes('image volumes'))).to.equal(true);
      expect(logged).to.have.lengthOf(level === '1.34' ? 2 : 0);
    });

    it('passes every check of doctor', async () => {
      const { code, stdout, stderr } = await fixture.installation.pratique(
        ['doctor'],
        fixture.cluster.kubeconfigPath,
      );
      expect(code, stdout + stderr).to.equal(0);
    });

    it('leaves no webhook after uninstall, and pods are created at once', async () => {
      const image = await fixture.push('after');
      expect((await fixture.run(image)).code).to.equal(1);
      const { code, stderr } = await fixture.installation.helm(['uninstall', 'pratique']);
      expect(code, stderr).to.equal(0);
      const { stdout } = await fixture.cluster.kubectl([
        'get',
        'validatingwebhookconfigurations,mutatingwebhookconfigurations',
        '-o',
        'name',
      ]);
      expect(stdout).to.equal('');
      const run = await fixture.run(image);
      expect(run.code, run.stderr).to.equal(0);
      const kept = await fixture.cluster.kubectl(['get', 'imagepolicies', '-o', 'name']);
      expect(kept.stdout).to.contain('imagepolicy.pratique.dev/production');
    });
  });
}
