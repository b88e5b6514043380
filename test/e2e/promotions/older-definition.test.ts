import { join } from 'node:path';
import { expect } from 'chai';
import { listTags } from '../../support/registry/listings.ts';
import { pushImage } from '../../support/registry/push.ts';
import { openClusterFixture, type ClusterFixture } from '../support/cluster/cluster-fixture.ts';
import { openPromotions, promotion, type Promotions } from '../support/promotions/promotions.ts';
import { until } from '../support/wait.ts';

const DEFINITION = join(
  ...[import.meta.dirname, '..', '..', '..', 'crds', 'pratique.dev_imagepromotionruns.yaml'],
);

describe('a definition of runs that is older than the controller', () => {
  let fixture: ClusterFixture;
  let flow: Promotions;

  before(async () => {
    fixture = await openClusterFixture();
    flow = await openPromotions(fixture);
  });

  after(() => fixture.stop());

  const isKnown = () =>
    flow.kubectl('explain', 'iprr.status.pending').then(
      () => true,
      () => false,
    );

  it('fails a run before its first step, and the next step in its message helps', async () => {
    const { host: registry } = fixture.registry;
    const target = { registry, repository: 'flow/quarantine/app' };
    const path = '/spec/versions/0/schema/openAPIV3Schema/properties/status/properties/pending';
    const patch = JSON.stringify([{ op: 'remove', path }]);
    await flow.kubectl('patch', 'crd', 'imagepromotionruns.pratique.dev', '--type=json', '-p', patch);
    const times = { withinMs: 30_000, everyMs: 300 };
    await until({ ...times, what: 'the field to be unknown', check: async () => !(await isKnown()) });
    await pushImage({ registry, repository: 'public/app', tag: '1.0.0' });
    await flow.apply(
      promotion('app', {
        source: { repository: `${registry}/public/app` },
        target: { repository: `${registry}/flow/quarantine/app` },
        tags: { semver: ['>=1'] },
        mirror: {},
      }),
    );
    await flow.until('app', 'its failure', ({ status }) =>
      (status?.conditions ?? []).some((one) => one.type === 'Ready' && one.reason === 'ClusterDenied'),
    );
    const [run, ...others] = await flow.runsOf('app');
    expect(others).to.deep.equal([]);
    expect(run?.status?.phase).to.equal('Failed');
    const failed = run?.status?.conditions?.find(({ type }) => type === 'Failed');
    expect(failed?.message).to.match(/did not keep: 1; apply the definitions \(CRDs\)/);
    expect(await listTags(target).catch(() => [])).to.deep.equal([]);

    await flow.kubectl('replace', '-f', DEFINITION);
    await until({ ...times, what: 'the field to be known', check: isKnown });
    await flow.kubectl('annotate', 'ipr/app', 'reconcile.pratique.dev/requestedAt=now');
    await flow.wait('ipr/app', 'Ready');
    expect(await listTags(target)).to.include('1.0.0');
  });
});
