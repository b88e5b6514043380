import { expect } from 'chai';
import { listTags } from '../support/registry/look.ts';
import { pushImage } from '../support/registry/push.ts';
import { freePort } from './support/ports.ts';
import { inShort, openPromoter, promotion, type Promoter } from './support/promoter.ts';
import { startOlareg, startReadOnlyDistribution, type Registry } from './support/registries.ts';

describe('pratique promote, told to do what cannot be done', () => {
  let registry: Registry;
  let readOnly: Registry;
  let promoter: Promoter;
  before(async () => {
    [registry, readOnly, promoter] = await Promise.all([
      startOlareg(),
      startReadOnlyDistribution(),
      openPromoter(),
    ]);
    await pushImage({ registry: registry.host, repository: 'quarantine/app', tag: '1.0.0' });
  });
  after(() => Promise.all([registry, readOnly, promoter].map((each) => each.stop())));

  const at = (repository: string, host = registry.host) => ({ repository: `${host}/${repository}` });
  const run = (spec: object) =>
    promoter.promote([
      promotion({ source: at('quarantine/app'), target: at('golden/app'), promote: {}, ...spec }),
    ]);
  const golden = () => listTags({ registry: registry.host, repository: 'golden/app' });

  const wrong: readonly [what: string, field: string, spec: () => object][] = [
    [
      'one repository as source and target',
      'spec.target.repository',
      () => ({ target: at('quarantine/app') }),
    ],
    [
      'a scanner that is unknown',
      'spec.promote.scan.scanner',
      () => ({ promote: { scan: { scanner: 'Other' } } }),
    ],
    ['a range that is none', 'spec.tags.semver[0]', () => ({ tags: { semver: ['>=22 <'] } })],
    ['a schedule that is none', 'spec.schedule', () => ({ schedule: '61 * * * *' })],
    ['a policy that is not there', 'spec.promote.policies', () => ({ promote: { policies: ['strict'] } })],
    [
      'a login that is not there',
      'spec.source.secretRef',
      () => ({ source: { ...at('quarantine/app'), secretRef: { name: 'pull' } } }),
    ],
    [
      'a key that is not there',
      'spec.promote.sign.secretRef',
      () => ({ promote: { sign: { secretRef: { name: 'cosign-key' } } } }),
    ],
  ];
  for (const [what, field, spec] of wrong) {
    it(`names the field of ${what}, and touches nothing`, async () => {
      const ran = await run(spec());
      expect([ran.code, ran.stdout]).to.deep.equal([3, '']);
      expect(ran.stderr)
        .to.match(/^error: \S+\.yaml: /)
        .and.include(`: ${field}: `);
      expect(ran.stderr.trim().split('\n')).to.have.lengthOf(1);
      expect(await golden()).to.deep.equal([]);
    });
  }

  it('says that it cannot reach the source', async () => {
    const ran = await run({ source: at('quarantine/app', `127.0.0.1:${String(await freePort())}`) });
    expect([ran.code, ran.stdout]).to.deep.equal([2, '']);
    expect(ran.stderr).to.match(/^error: RegistryUnavailable: /);
    expect(await golden()).to.deep.equal([]);
  });

  it('says that it cannot reach the target', async () => {
    const ran = await run({ target: at('golden/app', `127.0.0.1:${String(await freePort())}`) });
    expect([ran.code, ...inShort(ran)]).to.deep.equal([2, '1.0.0 Failed RegistryUnavailable']);
  });

  it('says that the target takes nothing, and leaves nothing there', async () => {
    const ran = await run({ target: at('golden/app', readOnly.host) });
    expect([ran.code, ...inShort(ran)]).to.deep.equal([2, '1.0.0 Failed RegistryDenied']);
    expect(await listTags({ registry: readOnly.host, repository: 'golden/app' })).to.deep.equal([]);
  });
});
