import { expect } from 'chai';
import { pushImage, pushIndex } from '../support/registry/push.ts';
import { decisions, pathKeys, promotionPath } from '../support/promotions/promotion-path.ts';
import { openPromotionFixture, type PromotionFixture } from '../support/promotions/promotion-fixture.ts';
import { listReferrers, listTags } from '../support/registry/listings.ts';

const QUARANTINE = 'application/vnd.pratique.quarantine.v1+json';

describe('a mirror, from registry to registry', () => {
  let fixture: PromotionFixture;
  const { secrets, sign } = pathKeys();
  const { place, push, mirror } = promotionPath(() => fixture);

  beforeEach(async () => {
    fixture = await openPromotionFixture();
  });
  afterEach(async () => {
    await fixture.close();
    expect(fixture.bugs).to.deep.equal([]);
  });

  it('P01 copies images with flag, provenance and history, and moves the tag last', async () => {
    const image = await push('public/app', '1.4.0');
    const { results } = await fixture.run({ spec: mirror() });
    expect(results[0]).to.include({ decision: 'Mirrored', digest: image.digest });
    const types = (await listReferrers(place('quarantine/app'), image.digest)).map((one) => one.artifactType);
    expect(types).to.have.members([QUARANTINE, 'application/vnd.in-toto+json']);
    expect(await listTags(place('quarantine/app'))).to.have.members(['1.4.0', 'mirror-history']);
    const writes = fixture.registry.requests.filter(
      ({ method, path }) => method === 'PUT' && path.startsWith('/v2/quarantine/app/manifests/'),
    );
    expect(
      writes.map(({ path }) => path.split('/').at(-1)).filter((name) => !name?.startsWith('sha256')),
    ).to.deep.equal(['1.4.0', 'mirror-history']);
  });

  for (const [quarantine, each] of [
    [true, 4],
    [false, 2],
  ] as const)
    it(`sends ${String(each)} requests per existing tag, with quarantine ${String(quarantine)}, and three in total`, async () => {
      for (const tag of ['1.0.0', '1.1.0', '1.2.0', '1.3.0']) await push('public/app', tag);
      const spec = mirror({ mirror: { quarantine } });
      await fixture.run({ spec });
      fixture.registry.forgetLog();
      const { results } = await fixture.run({ spec });
      expect(new Set(results.map(({ decision }) => decision))).to.deep.equal(new Set(['UpToDate']));
      // Both tags, the image and the listing that has its flag; one list of tags, and the history with its blob.
      expect(fixture.registry.requests).to.have.lengthOf(each * 4 + 3);
    });

  it('does not copy an image again that was promoted and deleted, unless it is forced', async () => {
    const image = await push('public/app', '1.4.0');
    await fixture.run({ spec: mirror() });
    await fetch(`${fixture.registry.url}/v2/quarantine/app/manifests/${image.digest}`, { method: 'DELETE' });
    expect(decisions(await fixture.run({ spec: mirror() }))).to.deep.equal([
      ['1.4.0', 'Skipped', 'MirroredBefore'],
    ]);
    const forced = await fixture.run({ spec: mirror({ mirror: { force: true } }) });
    expect(decisions(forced)).to.deep.equal([['1.4.0', 'Mirrored']]);
  });

  it('copies a tag again when its image changed, and keeps the old image under a backup tag', async () => {
    const old = await push('public/app', '1.4.0');
    await fixture.run({ spec: mirror() });
    const now = await pushImage({ ...place('public/app'), tag: '1.4.0' }, { salt: 'newer' });
    const { results } = await fixture.run({ spec: mirror({ onTagExists: 'Backup' }), runName: 'run-2' });
    expect(results[0]).to.include({ decision: 'Mirrored', digest: now.digest, overwrote: old.digest });
    expect(await listTags(place('quarantine/app'))).to.include(results[0]?.backup);
    expect(decisions(await fixture.run({ spec: mirror() }))).to.deep.equal([['1.4.0', 'UpToDate']]);
  });

  it('records and flags every platform of an index', async () => {
    const children = await Promise.all(
      ['amd64', 'arm64'].map((architecture) =>
        pushImage(place('public/app'), { salt: architecture, platform: { os: 'linux', architecture } }),
      ),
    );
    await pushIndex({ ...place('public/app'), tag: '2.0.0' }, { manifests: children });
    await fixture.run({ spec: mirror() });
    for (const { digest } of children) {
      const types = (await listReferrers(place('quarantine/app'), digest)).map((one) => one.artifactType);
      expect(types).to.have.members([
        'application/vnd.in-toto+json',
        'application/vnd.pratique.quarantine.v1+json',
      ]);
    }
  });

  it('signs the provenance when a signing key is configured', async () => {
    const image = await push('public/app', '1.4.0');
    await fixture.run({ spec: mirror({ mirror: { sign } }), secrets });
    const listed = await listReferrers(place('quarantine/app'), image.digest);
    expect(listed.map(({ annotations }) => annotations?.['dev.sigstore.bundle.predicateType'])).to.include(
      'https://toddysm.com/acquisition-provenance/v0.1',
    );
  });
});
