import { expect } from 'chai';
import { openPromotionFixture, type PromotionFixture } from '../../support/promotions/promotion-fixture.ts';
import { decisions, promotionPath } from '../../support/promotions/promotion-path.ts';
import { listTags } from '../../support/registry/listings.ts';
import { answer } from '../../support/registry/misbehave.ts';
import { hash } from '../../support/registry/store.ts';
import { pushBlob, pushIndex, pushManifest, pushReferrer, type Pushed } from '../../support/registry/push.ts';

const ARTIFACT_MANIFEST = 'application/vnd.oci.artifact.manifest.v1+json';
const ORAS_MANIFEST = 'application/vnd.cncf.oras.artifact.manifest.v1+json';
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

  /** An SBOM as oras 0.16 stored it, or as what no program knows. */
  const pushArtifactManifest = async (manifestType = ARTIFACT_MANIFEST): Promise<string> => {
    const blob = await pushBlob(place(), { mediaType: 'application/spdx+json', bytes: 'sbom' });
    const { mediaType, digest, size } = image;
    const subject = { mediaType, digest, size };
    const body = {
      mediaType: manifestType,
      artifactType: 'application/spdx+json',
      blobs: [blob],
      subject,
    };
    return (await pushManifest(place(), body, manifestType)).digest;
  };
  const statusOf = async (where: string): Promise<number> =>
    (await fetch(`http://${fixture.registry.host}/v2/${where}`, { headers: { accept: '*/*' } })).status;
  /** Where no program knows the kind. */
  const UNKNOWN = 'application/vnd.example.manifest.v1+json';

  for (const kind of [ARTIFACT_MANIFEST, ORAS_MANIFEST])
    it(`P27 an artifact manifest of early OCI 1.1 is carried with its blobs (${kind})`, async () => {
      const digest = await pushArtifactManifest(kind);
      const outcome = await fixture.run({ spec: path.promote({ deleteSource: true }) });
      expect(decisions(outcome)).to.deep.equal([['1.0.0', 'Promoted']]);
      expect(outcome.results[0]?.message).to.equal(undefined);
      expect(outcome.results[0]?.attachments).to.deep.equal({ found: 1, carried: 1, leftByRule: 0 });
      expect(await statusOf(`golden/app/manifests/${digest}`)).to.equal(200);
      expect(await statusOf(`golden/app/blobs/${hash(Buffer.from('sbom'))}`)).to.equal(200);
      expect(await statusOf(`quarantine/app/manifests/${digest}`)).to.equal(404);
    });

  for (const [status, code] of [
    [400, 'MANIFEST_INVALID'],
    [415, 'UNSUPPORTED'],
    [404, 'MANIFEST_UNKNOWN'],
  ] as const)
    it(`P27 a target that answers ${String(status)} to an artifact manifest gets its image, and the source stays`, async () => {
      await pushArtifactManifest();
      await pushReferrer(place(), { subject: image, artifactType: NOTE });
      const body = JSON.stringify({ errors: [{ code }] });
      fixture.registry.intercept(({ method, url, headers }) =>
        method === 'PUT' && url.pathname.includes('golden') && headers['content-type'] === ARTIFACT_MANIFEST
          ? { status, headers: { 'content-type': 'application/json' }, body }
          : undefined,
      );
      const outcome = await fixture.run({ spec: path.promote({ deleteSource: true }) });
      expect(decisions(outcome)).to.deep.equal([['1.0.0', 'Promoted']]);
      expect(outcome.results[0]?.attachments).to.deep.equal({ found: 2, carried: 1, leftByRule: 1 });
      expect(outcome.results[0]?.message).to.include('artifact manifest').and.include('was not carried');
      expect(await listTags(place())).to.deep.equal(['1.0.0']);
    });

  it('P27 a target that fails with an artifact manifest fails the image', async () => {
    await pushArtifactManifest();
    fixture.registry.intercept(({ method, headers }) =>
      method === 'PUT' && headers['content-type'] === ARTIFACT_MANIFEST
        ? { status: 503, headers: {}, body: '' }
        : undefined,
    );
    const outcome = await fixture.run({ spec: path.promote() });
    expect(decisions(outcome)).to.deep.equal([['1.0.0', 'Failed', 'RegistryUnavailable']]);
  });

  it('P22 a referrer of a kind that is not known does not keep its image from being copied, and is counted', async () => {
    await pushArtifactManifest(UNKNOWN);
    await pushReferrer(place(), { subject: image, artifactType: NOTE });
    const outcome = await fixture.run({ spec: path.promote() });
    expect(decisions(outcome)).to.deep.equal([['1.0.0', 'Promoted']]);
    expect(outcome.results[0]?.attachments).to.deep.equal({ found: 2, carried: 1, leftByRule: 1 });
  });

  it('P22 a source is not deleted with what could not be carried', async () => {
    await pushArtifactManifest(UNKNOWN);
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
