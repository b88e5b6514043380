import { expect } from 'chai';
import {
  openPromotionFixture,
  type PromotionFixture,
} from '../../../support/promotions/promotion-fixture.ts';
import { startRegistry, type EmbeddedRegistry } from '../../../support/registry/index.ts';
import { pushImage } from '../../../support/registry/push.ts';

describe('promotions where the settings have mirrors', () => {
  let fixture: PromotionFixture;
  let mirror: EmbeddedRegistry;
  beforeEach(async () => {
    mirror = await startRegistry();
    fixture = await openPromotionFixture(
      {},
      { registries: { mirrors: [{ prefix: '*', endpoints: [{ location: `${mirror.host}/hub` }] }] } },
    );
  });
  afterEach(() => Promise.all([fixture.close(), mirror.close()]));

  const promoted = async (promote: object): Promise<readonly string[]> => {
    const { host } = fixture.registry;
    await pushImage({ registry: host, repository: 'quarantine/web', tag: '1.0' });
    await pushImage({ registry: mirror.host, repository: 'hub/quarantine/web', tag: '1.0' });
    mirror.forgetLog();
    fixture.registry.forgetLog();
    const { results } = await fixture.run({
      spec: {
        source: { repository: `${host}/quarantine/web` },
        target: { repository: `${host}/golden/web` },
        tags: { explicit: ['1.0'] },
        promote,
      },
    });
    expect(results.map(({ decision }) => decision)).to.deep.equal(['Promoted']);
    return mirror.requests.map(({ path }) => path);
  };

  it('read their source there, and their target where it is written', async () => {
    const paths = await promoted({});
    expect(paths.length).to.be.greaterThan(0);
    expect(paths.filter((path) => !path.startsWith('/v2/hub/quarantine/web/'))).to.deep.equal([]);
  });

  it('H16 that delete their source read it at its registry alone', async () => {
    expect(await promoted({ deleteSource: true })).to.deep.equal([]);
  });
});
