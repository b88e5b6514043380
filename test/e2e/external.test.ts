import { expect } from 'chai';
import { openHarbour, type Harbour } from './support/harbour.ts';

describe('the chart in external mode: the webhook is called by its URL', () => {
  let harbour: Harbour;

  before(async () => {
    harbour = await openHarbour({ external: true, replicas: 1 });
  });

  after(() => harbour.stop());

  it('nothing runs in the cluster, and the URL is what is registered', async () => {
    const { cluster, installation } = harbour;
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
    expect(url.stdout).to.match(/^https:\/\/127\.0\.0\.1:\d+\/validate$/);
  });

  it('admits a signed image and refuses an unsigned one, with a certificate of its own making', async () => {
    expect((await harbour.run(await harbour.push('signed', harbour.keys.release))).code).to.equal(0);
    expect((await harbour.run(await harbour.push('unsigned'))).stderr).to.contain('Unsigned');
  });

  it('doctor finds nothing wrong', async () => {
    const { cluster, installation } = harbour;
    const { code, stdout, stderr } = await installation.pratique(['doctor'], cluster.kubeconfigPath);
    expect(code, stdout + stderr).to.equal(0);
    expect(stdout).to.contain('outside the cluster');
  });
});
