import { expect } from 'chai';
import { openPromotionFixture, type PromotionFixture } from '../../support/promotions/promotion-fixture.ts';
import { decisions, promotionPath } from '../../support/promotions/promotion-path.ts';
import { listTags } from '../../support/registry/listings.ts';
import { answer } from '../../support/registry/misbehave.ts';
import { pushBlob, pushIndex, pushManifest, pushReferrer, type Pushed } from '../../support/registry/push.ts';

const ARTIFACT_MANIFEST = 'application/vnd.oci.artifact.manifest.v1+json';
const NOTE = 'application/vnd.example.note';

describe('what refers to an image at its source', () => {
  let fixture: PromotionFixture;
  const path = promotionPath(() => fixture);
  let image: Pushed;
  const place = () => path.place('quarantine/app');
  beforeEach(async () => {
    const pause = (): Promise<void> => Promise.resolve();
    fixture = await openPromotionFixture({}, {}, { opening: { pause } });
    image = await path.push('quarantine/app', '1.0.0');
  });
  afterEach(() => fixture.close());

  /** An SBOM as oras 0.16 stored it. */
  const pushArtifactManifest = async (): Promise<void> => {
    const blob = await pushBlob(place(), { mediaType: 'application/spdx+json', bytes: 'sbom' });
    const { mediaType, digest, size } = image;
    const subject = { mediaType, digest, size };
    const body = {
      mediaType: ARTIFACT_MANIFEST,
      artifactType: 'application/spdx+json',
      blobs: [blob],
      subject,
    };
    await pushManifest(place(), body, ARTIFACT_MANIFEST);
  };

  it('P22 an artifact manifest of early OCI 1.1 does not keep its image from being copied, and is counted', async () => {
    await pushArtifactManifest();
    await pushReferrer(place(), { subject: image, artifactType: NOTE });
    const outcome = await fixture.run({ spec: path.promote() });
    expect(decisions(outcome)).to.deep.equal([['1.0.0', 'Promoted']]);
    expect(outcome.results[0]?.attachments).to.deep.equal({ found: 2, carried: 1, leftByRule: 1 });
  });

  it('P22 a source is not deleted with what could not be carried', async () => {
    await pushArtifactManifest();
    const outcome = await fixture.run({ spec: path.promote({ deleteSource: true }) });
    expect(outcome.results[0]?.message).to.include('was not carried');
    const again = await fixture.run({ spec: path.promote({ deleteSource: true }) });
    expect(again.results[0]?.message).to.include('was not carried');
    expect(await listTags(place())).to.deep.equal(['1.0.0']);
  });

  for (const status of [403, 409, 412, 500])
    it(`P22 a referrer that is answered ${String(status)} is unknown, and not left behind`, async () => {
      const note = await pushReferrer(place(), { subject: image, artifactType: NOTE });
      fixture.registry.intercept(answer(`/manifests/${note.digest}`, { status, headers: {}, body: '' }));
      const [{ decision } = { decision: '' }] = (await fixture.run({ spec: path.promote() })).results;
      expect(decision).to.equal('Failed');
    });

  it('P22 an image that is no manifest that is known is not promoted', async () => {
    const body = { mediaType: ARTIFACT_MANIFEST, artifactType: NOTE, blobs: [] };
    const odd = await pushManifest(place(), body, ARTIFACT_MANIFEST);
    await pushIndex({ ...place(), tag: '2.0.0' }, { manifests: [image, odd] });
    const spec = path.promote({}, { tags: { explicit: ['2.0.0'] } });
    expect(decisions(await fixture.run({ spec }))).to.deep.equal([['2.0.0', 'Failed', 'RegistryMisbehaved']]);
  });

  it('P23 names the manifest that an index lists and that is gone, and the way out', async () => {
    const gone = { ...image, digest: `sha256:${'1'.repeat(64)}` };
    await pushIndex({ ...place(), tag: '2.0.0' }, { manifests: [image, gone] });
    const spec = path.promote({}, { tags: { explicit: ['2.0.0'] } });
    const outcome = await fixture.run({ spec });
    expect(decisions(outcome)).to.deep.equal([['2.0.0', 'Blocked', 'ImageNotFound']]);
    expect(outcome.results[0]?.message).to.include(gone.digest).and.to.include('platforms.keep');
  });
});
