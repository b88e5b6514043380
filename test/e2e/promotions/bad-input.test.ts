import { expect } from 'chai';
import { startRegistry } from '../../support/registry/index.ts';
import { listTags } from '../../support/registry/listings.ts';
import { pushImage, type Target } from '../../support/registry/push.ts';
import { freePort } from '../support/programs/ports.ts';
import { inShort, openPromoter, promotion, type Promoter, type Ran } from '../support/promotions/promoter.ts';
import {
  startFullDistribution,
  startOlareg,
  startReadOnlyDistribution,
  type FullRegistry,
  type Registry,
} from '../support/promotions/registries.ts';

/** More than fits into a file of the full registry. */
const LARGE = 'x'.repeat(1024 * 1024);

describe('pratique promote, with input that cannot work', () => {
  let registry: Registry;
  let readOnly: Registry;
  let promoter: Promoter;
  let full: FullRegistry;
  /** Begun before all others, because it tries again and again. */
  let intoFull: Promise<Ran>;
  before(async () => {
    [registry, readOnly, full, promoter] = await Promise.all([
      startOlareg(),
      startReadOnlyDistribution(),
      startFullDistribution(),
      openPromoter(),
    ]);
    await pushImage({ registry: registry.host, repository: 'quarantine/app', tag: '1.0.0' });
    await pushImage(
      { registry: registry.host, repository: 'quarantine/large', tag: '1.0.0' },
      { layers: [LARGE] },
    );
    intoFull = run(large());
  });
  after(() => Promise.all([registry, readOnly, full, promoter].map((each) => each.stop())));

  const at = (repository: string, host = registry.host) => ({ repository: `${host}/${repository}` });
  const run = (spec: object) =>
    promoter.promote([
      promotion({ source: at('quarantine/app'), target: at('golden/app'), promote: {}, ...spec }),
    ]);
  const large = () => ({ source: at('quarantine/large'), target: at('golden/large', full.host) });
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
    ['a missing policy', 'spec.promote.policies', () => ({ promote: { policies: ['strict'] } })],
    [
      'a missing login',
      'spec.source.secretRef',
      () => ({ source: { ...at('quarantine/app'), secretRef: { name: 'pull' } } }),
    ],
    [
      'a missing key',
      'spec.promote.sign.secretRef',
      () => ({ promote: { sign: { secretRef: { name: 'cosign-key' } } } }),
    ],
  ];
  for (const [what, field, spec] of wrong) {
    it(`names the field of ${what}, and changes nothing`, async () => {
      const ran = await run(spec());
      expect([ran.code, ran.stdout]).to.deep.equal([3, '']);
      expect(ran.stderr)
        .to.match(/^error: \S+\.yaml: /)
        .and.include(`: ${field}: `);
      expect(ran.stderr.trim().split('\n')).to.have.lengthOf(1);
      expect(await golden()).to.deep.equal([]);
    });
  }

  it('reports that it cannot reach the source', async () => {
    const ran = await run({ source: at('quarantine/app', `127.0.0.1:${String(await freePort())}`) });
    const { runs } = JSON.parse(ran.stdout) as { readonly runs: readonly { readonly reason: string }[] };
    expect([ran.code, ...runs.map(({ reason }) => reason)]).to.deep.equal([2, 'RegistryUnavailable']);
    expect(await golden()).to.deep.equal([]);
  });

  it('reports that it cannot reach the target', async () => {
    const ran = await run({ target: at('golden/app', `127.0.0.1:${String(await freePort())}`) });
    expect([ran.code, ...inShort(ran)]).to.deep.equal([2, '1.0.0 Failed RegistryUnavailable']);
  });

  it('reports that the target accepts no push, and stores nothing there', async () => {
    const ran = await run({ target: at('golden/app', readOnly.host) });
    expect([ran.code, ...inShort(ran)]).to.deep.equal([2, '1.0.0 Failed RegistryDenied']);
    expect(await listTags({ registry: readOnly.host, repository: 'golden/app' })).to.deep.equal([]);
  });

  it('reports that the target is full, creates no tag there, and continues when there is space', async () => {
    const ran = await intoFull;
    expect([ran.code, ...inShort(ran)]).to.deep.equal([2, '1.0.0 Failed RegistryUnavailable']);
    expect(ran.rows[0]?.message).to.include(`${full.host} answered 500`);
    const there = { registry: full.host, repository: 'golden/large', tag: '1.0.0' };
    expect(await listTags(there)).to.deep.equal([]);
    for (const name of ['1.0.0', ran.rows[0]?.digest ?? ''])
      expect((await fetch(`http://${full.host}/v2/golden/large/manifests/${name}`)).status).to.equal(404);
    await full.makeRoom();
    expect(inShort(await run(large()))).to.deep.equal(['1.0.0 Promoted']);
    expect(await listTags(there)).to.deep.equal(['1.0.0']);
  });

  /** Two places, and the action to take there as soon as the run has begun to copy. */
  const moving = async (name: string, meanwhile: (source: Target, target: Target) => Promise<unknown>) => {
    const target = await startRegistry();
    const from = { registry: registry.host, repository: `quarantine/${name}`, tag: '1.0.0' };
    const to = { registry: target.host, repository: `golden/${name}`, tag: '1.0.0' };
    try {
      const planned = await pushImage(from, { salt: 'planned' });
      target.intercept(async ({ method }) => {
        if (method !== 'POST') return undefined;
        target.intercept(undefined);
        await meanwhile(from, to);
        return undefined;
      });
      const ran = await run({ source: at(from.repository), target: at(to.repository, target.host) });
      return { ran, planned, arrived: await digestAt(to) };
    } finally {
      await target.close();
    }
  };

  it('does not change a tag that another writer moves at the target during the run', async () => {
    let theirs = '';
    const { ran, arrived } = await moving('raced', async (_, to) => {
      ({ digest: theirs } = await pushImage(to, { salt: 'theirs' }));
    });
    expect([ran.code, ...inShort(ran)]).to.deep.equal([1, '1.0.0 Blocked TargetMoved']);
    expect(arrived).to.equal(theirs);
  });

  it('copies the planned image when the tag moves at the source during the run', async () => {
    const { ran, planned, arrived } = await moving('moved', (from) => pushImage(from, { salt: 'newer' }));
    expect([ran.code, ...inShort(ran)]).to.deep.equal([0, '1.0.0 Promoted']);
    expect(arrived).to.equal(planned.digest);
  });
});

async function digestAt({ registry, repository, tag = '' }: Target): Promise<string | null> {
  const accept = 'application/vnd.oci.image.manifest.v1+json';
  const answer = await fetch(`http://${registry}/v2/${repository}/manifests/${tag}`, { headers: { accept } });
  return answer.headers.get('docker-content-digest');
}
