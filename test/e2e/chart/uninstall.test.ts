import { expect } from 'chai';
import { openClusterFixture, type ClusterFixture } from '../support/cluster/cluster-fixture.ts';

const CONFIGURATIONS = 'validatingwebhookconfigurations,mutatingwebhookconfigurations';

for (const alive of [true, false]) {
  describe(`helm uninstall, ${alive ? 'replicas serving' : 'all replicas dead'}`, () => {
    let fixture: ClusterFixture;
    let unsigned: string;

    before(async () => {
      fixture = await openClusterFixture({ values: { pinning: { enabled: true } } });
      unsigned = await fixture.push('unsigned');
      if (!alive) for (const replica of fixture.replicas) await replica.kill();
    });

    after(() => fixture.stop());

    const names = async (what: string, ...more: readonly string[]): Promise<readonly string[]> => {
      const { code, stdout, stderr } = await fixture.cluster.kubectl(['get', what, '-o', 'name', ...more]);
      expect(code, stderr).to.equal(0);
      return stdout.split('\n').filter(Boolean);
    };

    it('admits no pod without a verdict before the uninstall', async () => {
      const { code, stderr } = await fixture.run(unsigned);
      expect(code).to.equal(1);
      expect(stderr).to.contain(alive ? 'Unsigned' : 'failed calling webhook');
    });

    it('leaves no webhook, and pods are created at once', async () => {
      const { code, stderr } = await fixture.installation.helm(['uninstall', 'pratique']);
      expect(code, stderr).to.equal(0);
      expect(await names(CONFIGURATIONS)).to.deep.equal([]);
      const run = await fixture.run(unsigned);
      expect(run.code, run.stderr).to.equal(0);
    });

    it('keeps the CRD and every policy', async () => {
      expect(await names('crd')).to.include(
        'customresourcedefinition.apiextensions.k8s.io/imagepolicies.pratique.dev',
      );
      expect(await names('imagepolicies')).to.have.members([
        'imagepolicy.pratique.dev/default',
        'imagepolicy.pratique.dev/production',
      ]);
    });

    it('deletes every role and binding', async () => {
      expect(
        await names(
          'clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings',
          '-l',
          'app.kubernetes.io/instance=pratique',
        ),
      ).to.deep.equal([]);
      expect(await names('serviceaccounts,roles,rolebindings', '-n', 'pratique')).to.deep.equal([
        'serviceaccount/default',
      ]);
    });
  });
}
