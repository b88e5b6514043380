import { expect } from 'chai';
import { openClusterFixture, type ClusterFixture } from '../support/cluster/cluster-fixture.ts';

describe('the chart in external mode: the webhook is called by its URL', () => {
  let fixture: ClusterFixture;

  before(async () => {
    fixture = await openClusterFixture({ external: true, replicas: 1 });
  });

  after(() => fixture.stop());

  it('registers the URL, and runs nothing in the cluster', async () => {
    const { cluster, installation } = fixture;
    const got = await cluster.kubectl([
      'get',
      'deployments,services',
      '-n',
      installation.namespace,
      '-o',
      'name',
    ]);
    expect(got.stdout).to.equal('');
    const path = 'jsonpath={.webhooks[0].clientConfig.url}';
    const url = await cluster.kubectl(['get', 'validatingwebhookconfiguration', 'pratique', '-o', path]);
    expect(url.stdout).to.match(/^https:\/\/127\.0\.0\.1:\d+\/validate\/[0-9a-f]{64}$/);
  });

  it('admits a signed image and refuses an unsigned one, with a self-made certificate', async () => {
    expect((await fixture.run(await fixture.push('signed', fixture.keys.release))).code).to.equal(0);
    expect((await fixture.run(await fixture.push('unsigned'))).stderr).to.contain('Unsigned');
  });

  it('passes every check of doctor', async () => {
    const { cluster, installation } = fixture;
    const { code, stdout, stderr } = await installation.pratique(['doctor'], cluster.kubeconfigPath);
    expect(code, stdout + stderr).to.equal(0);
    expect(stdout).to.contain('outside the cluster');
  });
});
