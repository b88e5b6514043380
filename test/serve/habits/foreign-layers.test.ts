import { expect } from 'chai';
import { openPromotionFixture, type PromotionFixture } from '../../support/promotions/promotion-fixture.ts';
import { decisions, promotionPath } from '../../support/promotions/promotion-path.ts';
import { answer } from '../../support/registry/misbehave.ts';
import { startRegistry, type EmbeddedRegistry } from '../../support/registry/index.ts';
import { pushBlob, pushImage, pushManifest, type WireDescriptor } from '../../support/registry/push.ts';
import { hash } from '../../support/registry/store.ts';

const FOREIGN = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip';
const MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
const BASE = Buffer.from('base layer of Windows');

describe('foreign layers of an image', () => {
  let fixture: PromotionFixture;
  let elsewhere: EmbeddedRegistry;
  const path = promotionPath(() => fixture);
  beforeEach(async () => {
    elsewhere = await startRegistry();
    elsewhere.intercept(answer('/layer', { status: 200, body: BASE }));
    fixture = await openPromotionFixture({}, { registries: { allowedAddresses: [elsewhere.host] } });
  });
  afterEach(async () => {
    await fixture.close();
    await elsewhere.close();
  });

  /** An image with this layer, which the source has or has not. */
  async function push({ held = true, mediaType = FOREIGN, urls = [`http://${elsewhere.host}/layer`] } = {}) {
    const at = path.place('quarantine/app');
    const config = await pushBlob(at, {
      mediaType: 'application/vnd.docker.container.image.v1+json',
      bytes: JSON.stringify({ os: 'windows', architecture: 'amd64' }),
    });
    if (held) await pushBlob(at, { mediaType, bytes: BASE });
    const layer: WireDescriptor & { urls?: string[] } = {
      ...{ mediaType, digest: hash(BASE), size: BASE.byteLength },
      ...(urls.length > 0 && { urls }),
    };
    const body = { schemaVersion: 2, mediaType: MANIFEST, config, layers: [layer] };
    return pushManifest({ ...at, tag: '1.0.0' }, body);
  }
  const statusOf = async (where: string): Promise<number> =>
    (await fetch(`http://${fixture.registry.host}/v2/${where}`)).status;
  const layerAt = (repository: string) => statusOf(`${repository}/blobs/${hash(BASE)}`);

  it('P25 are named and stay where they are, and their source is not deleted', async () => {
    await push();
    const outcome = await fixture.run({ spec: path.promote({ deleteSource: true }) });
    expect(decisions(outcome)).to.deep.equal([['1.0.0', 'Promoted']]);
    const [{ message = '' } = {}] = outcome.results;
    expect(message).to.include('foreign layers').and.include('the source was not deleted');
    expect(await layerAt('golden/app')).to.equal(404);
    expect(await statusOf('quarantine/app/manifests/1.0.0')).to.equal(200);
    const again = await fixture.run({ spec: path.promote({ deleteSource: true }) });
    expect(again.results[0]?.message).to.include('the source was not deleted');
    expect(await statusOf('quarantine/app/manifests/1.0.0')).to.equal(200);
  });

  for (const held of [true, false])
    it(`P25 are brought with Copy, ${held ? 'from the source' : 'from their address'}`, async () => {
      await push({ held });
      const spec = path.promote({ deleteSource: true }, { foreignLayers: 'Copy' });
      const outcome = await fixture.run({ spec });
      expect(decisions(outcome)).to.deep.equal([['1.0.0', 'Promoted']]);
      expect(outcome.results[0]?.message).to.equal(undefined);
      expect(await layerAt('golden/app')).to.equal(200);
      expect(await statusOf('quarantine/app/manifests/1.0.0')).to.equal(404);
      expect(elsewhere.requests.length > 0).to.equal(!held);
    });

  it('P25 are brought with Copy behind an image that has arrived without them', async () => {
    await push({ held: false });
    await fixture.run({ spec: path.promote() });
    expect(await layerAt('golden/app')).to.equal(404);
    const outcome = await fixture.run({ spec: path.promote({}, { foreignLayers: 'Copy' }) });
    expect(decisions(outcome)).to.deep.equal([['1.0.0', 'UpToDate']]);
    expect(await layerAt('golden/app')).to.equal(200);
  });

  it('P25 that are nowhere fail their image with Copy', async () => {
    await push({ held: false, urls: [`http://${elsewhere.host}/gone`] });
    const outcome = await fixture.run({ spec: path.promote({}, { foreignLayers: 'Copy' }) });
    expect(decisions(outcome)).to.deep.equal([['1.0.0', 'Failed', 'RegistryMisbehaved']]);
    expect(await statusOf('golden/app/manifests/1.0.0')).to.equal(404);
  });

  for (const mediaType of [FOREIGN, 'application/vnd.oci.image.layer.v1.tar+gzip'])
    it(`P25 block their image with Refuse (${mediaType})`, async () => {
      await push({ mediaType });
      const outcome = await fixture.run({ spec: path.promote({}, { foreignLayers: 'Refuse' }) });
      expect(decisions(outcome)).to.deep.equal([['1.0.0', 'Blocked', 'ForeignLayers']]);
      expect(await statusOf('golden/app/manifests/1.0.0')).to.equal(404);
    });

  it('P25 without an address are carried like others', async () => {
    await push({ urls: [] });
    const outcome = await fixture.run({ spec: path.promote() });
    expect(outcome.results[0]?.message).to.equal(undefined);
    expect(await layerAt('golden/app')).to.equal(200);
  });

  it('P25 are brought with Copy up to a number', async () => {
    const at = path.place('quarantine/app');
    const config = await pushBlob(at, { mediaType: 'application/vnd.oci.image.config.v1+json', bytes: '{}' });
    const layers = Array.from({ length: 65 }, (_, index) => ({
      ...{ mediaType: FOREIGN, digest: hash(Buffer.from(String(index))), size: 1 },
      urls: [`http://${elsewhere.host}/layer`],
    }));
    await pushManifest({ ...at, tag: '1.0.0' }, { schemaVersion: 2, mediaType: MANIFEST, config, layers });
    const outcome = await fixture.run({ spec: path.promote({}, { foreignLayers: 'Copy' }) });
    expect(decisions(outcome)).to.deep.equal([['1.0.0', 'Failed', 'LimitExceeded']]);
    expect(elsewhere.requests).to.deep.equal([]);
  });

  it('that are ordinary leave no message', async () => {
    await pushImage({ ...path.place('quarantine/app'), tag: '1.0.0' });
    const outcome = await fixture.run({ spec: path.promote({}, { foreignLayers: 'Refuse' }) });
    expect(decisions(outcome)).to.deep.equal([['1.0.0', 'Promoted']]);
  });
});
