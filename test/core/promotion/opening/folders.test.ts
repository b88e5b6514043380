import { join } from 'node:path';
import { expect } from 'chai';
import { createLayouts } from '../../../../src/clients/layout/index.ts';
import { openSide } from '../../../../src/core/promotion/opening/side.ts';
import { parsePromotion, type OpeningContext, type Scanner } from '../../../../src/core/promotion/index.ts';
import {
  openPromotionFixture,
  type PromotionFixture,
  type PromotionInput,
} from '../../../support/promotions/promotion-fixture.ts';
import { listTags } from '../../../support/registry/listings.ts';
import { pushImage, pushIndex, pushReferrer } from '../../../support/registry/push.ts';
import { pushBundleSignature, pushLegacySignature, pushStatement } from '../../../support/signed-images.ts';
import { scanReport } from '../../../support/promotions/scan-reports.ts';
import { signingKey } from '../../../support/signing.ts';
import { temporaryFolder, type TemporaryFolder } from '../../../support/temporary-folder.ts';

const layouts: OpeningContext['layouts'] = () => Promise.resolve({ createLayouts });
const CYCLONEDX = 'application/vnd.cyclonedx+json';
const PLAIN = { quarantine: false, provenance: false, history: false };

describe('a folder in a promotion', () => {
  let folder: TemporaryFolder;
  let fixture: PromotionFixture;
  beforeEach(async () => {
    folder = await temporaryFolder({});
  });
  afterEach(async () => {
    expect(fixture.bugs).to.deep.equal([]);
    await fixture.close();
    await folder.remove();
  });
  const at = (name: string): string => `oci:${join(folder.path, name)}`;
  const promotion = (source: string, target: string, more: object = {}) => ({
    spec: {
      source: { repository: source },
      target: { repository: target },
      tags: { semver: ['*'] },
      mirror: PLAIN,
      ...more,
    },
  });

  for (const referrersApi of [true, false])
    it(`carries all that belongs to an image from registry to registry, ${referrersApi ? 'with' : 'without'} the referrers API, ten times`, async () => {
      fixture = await openPromotionFixture({ referrersApi }, {}, { opening: { layouts } });
      const { host } = fixture.registry;
      const here = { registry: host, repository: 'a/web' };
      const children = await Promise.all(
        ['one', 'two'].map((text) => pushImage(here, { layers: [{ mediaType: 'a/b', bytes: text }] })),
      );
      const inner = await pushIndex(here, { manifests: children });
      const index = await pushIndex({ ...here, tag: '1.0.0' }, { manifests: [inner, ...children] });
      const [child = index] = children;
      const digests: string[] = [];
      for (const subject of [index, inner, child]) {
        const sbom = await pushReferrer(here, { subject, artifactType: 'a/sbom', blobs: [] });
        const about = await pushReferrer(here, { subject: sbom, artifactType: 'a/about', blobs: [] });
        digests.push(sbom.digest, about.digest);
      }
      const cosign = `${index.digest.replace(':', '-')}.sig`;
      await pushImage({ ...here, tag: cosign }, { layers: [{ mediaType: 'a/sig', bytes: 'signature' }] });
      await pushImage({ ...here, tag: '1.1.0' }, { layers: [{ mediaType: 'a/b', bytes: 'three' }] });
      let from = `${host}/a/web`;
      for (let turn = 0; turn < 10; turn += 1) {
        const to = turn % 2 === 0 ? at(`turn-${String(turn)}`) : `${host}/turn/t${String(turn)}`;
        const { results } = await fixture.run(promotion(from, to));
        expect(results.map(({ decision, message }) => message ?? decision)).to.deep.equal([
          'Mirrored',
          'Mirrored',
        ]);
        const counts = results.find(({ tag }) => tag === '1.0.0')?.attachments;
        expect(counts).to.include({ found: 7, carried: 7 });
        from = to;
      }
      const last = { registry: host, repository: 'turn/t9' };
      expect(await listTags(last)).to.include.members(['1.0.0', '1.1.0', cosign]);
      for (const digest of [index.digest, inner.digest, ...children.map((one) => one.digest), ...digests])
        expect((await fetch(`http://${host}/v2/turn/t9/manifests/${digest}`)).status).to.equal(200);
    });

  it('is up to date in the next run, and nothing of it is written again', async () => {
    fixture = await openPromotionFixture({}, {}, { opening: { layouts } });
    const { host } = fixture.registry;
    await pushImage({ registry: host, repository: 'a/web', tag: '1.0.0' });
    const order = promotion(`${host}/a/web`, at('export'));
    await fixture.run(order);
    const { results } = await fixture.run(order);
    expect(results.map(({ decision }) => decision)).to.deep.equal(['UpToDate']);
  });

  it('is planned, also as a target, without being made', async () => {
    fixture = await openPromotionFixture({}, {}, { opening: { layouts } });
    const { host } = fixture.registry;
    await pushImage({ registry: host, repository: 'a/web', tag: '1.0.0' });
    const { planned } = await fixture.run({ ...promotion(`${host}/a/web`, at('export')), dryRun: true });
    expect(planned.map(({ action }) => action)).to.deep.equal(['Move']);
    const missing = await fixture.run(promotion(at('export'), `${host}/b/web`)).catch(String);
    expect(missing).to.contain('ImageNotFound').and.to.contain('there is no image in oci:');
  });

  it('B33 is opened by no cluster, whatever the promotion says, and takes no login', async () => {
    fixture = await openPromotionFixture();
    const owner = { namespace: 'team-a', secret: () => ({}), material: () => undefined };
    const open = (side: object, context: OpeningContext) =>
      openSide(
        'target',
        { side: { repository: at('export'), insecure: false, ...side }, owner, needs: [] },
        context,
        AbortSignal.timeout(9_000),
      );
    const refused = await open({}, fixture.context);
    expect(refused.ok ? [] : refused.problems.map(({ reason }) => reason)).to.deep.equal([
      'InvalidPromotion',
    ]);
    const withFolders = { ...fixture.context, layouts };
    expect((await open({}, withFolders)).ok).to.equal(true);
    for (const field of [
      { secretRef: { name: 'a' } },
      { caSecretRef: { name: 'a' } },
      { insecure: true },
      { serviceAccountName: 'a' },
    ]) {
      const odd = await open(field, withFolders);
      expect(odd.ok ? [] : odd.problems.map(({ path }) => path)).to.deep.equal([
        `spec.target.${Object.keys(field)[0] ?? ''}`,
      ]);
    }
  });

  it('is not scanned as an image, which scanners read from registries', async () => {
    fixture = await openPromotionFixture({}, {}, { opening: { layouts } });
    const order = promotion(at('export'), `${fixture.registry.host}/b/web`, {
      mirror: undefined,
      promote: { scan: { failOn: 'High' } },
    });
    expect(await fixture.open(order).catch(String)).to.contain('spec.promote.scan.from');
  });

  describe('as a source', () => {
    const VULN = 'https://cosign.sigstore.dev/attestation/vuln/v1';
    const key = signingKey();
    const sbom = '{"bomFormat":"CycloneDX","components":[{"name":"musl"}]}';
    const alpine = (finished: string) => ({
      SchemaVersion: 2,
      CreatedAt: finished,
      Metadata: { OS: { Family: 'alpine', Name: '3.22.0' } },
      Results: [{ Target: 'image', Class: 'os-pkgs', Type: 'alpine', Vulnerabilities: [] }],
    });
    const scanned: string[] = [];
    const scanner: Scanner = (subject) => {
      scanned.push(subject.kind === 'sbom' ? Buffer.from(subject.sbom).toString() : subject.kind);
      const startedAt = new Date();
      const output = scanReport(alpine(startedAt.toISOString()));
      return Promise.resolve({
        ...output,
        scanner: { name: 'trivy', version: '1' },
        databaseUpdatedAt: startedAt,
        startedAt,
        finishedAt: startedAt,
      });
    };
    const exported = async () => {
      fixture = await openPromotionFixture({}, {}, { opening: { layouts, scanner: () => scanner } });
      const here = { registry: fixture.registry.host, repository: 'a/web' };
      const signed = await pushImage(
        { ...here, tag: '1.0.0' },
        { layers: [{ mediaType: 'a/b', bytes: '1' }] },
      );
      const legacy = await pushImage(
        { ...here, tag: '1.1.0' },
        { layers: [{ mediaType: 'a/b', bytes: '2' }] },
      );
      await pushImage({ ...here, tag: '1.2.0' }, { layers: [{ mediaType: 'a/b', bytes: '3' }] });
      await pushBundleSignature(here, signed, key);
      await pushLegacySignature(here, legacy, key);
      const now = new Date().toISOString();
      const predicate = {
        scanner: { uri: 'trivy', version: '0.74.0', result: alpine(now) },
        metadata: { scanFinishedOn: now },
      };
      await pushReferrer(here, {
        subject: legacy,
        artifactType: CYCLONEDX,
        blobs: [{ mediaType: CYCLONEDX, bytes: sbom }],
      });
      await pushStatement(here, signed, { key, predicateType: VULN, predicate });
      await fixture.run(promotion(`${here.registry}/a/web`, at('export')));
      fixture.registry.forgetLog();
    };
    const taken = async (promote: object, policies: PromotionInput['policies'] = []) => {
      const to = `${fixture.registry.host}/b/web`;
      const { results } = await fixture.run({
        ...promotion(at('export'), to, { mirror: undefined, promote }),
        policies,
        startedAt: new Date(),
      });
      return Object.fromEntries(results.map(({ tag, decision, reason }) => [tag, reason ?? decision]));
    };

    it('is judged by policies, which find the signatures in it', async () => {
      await exported();
      const policy = fixture.policy({
        match: { images: ['registry.example.com/**'] },
        authorities: [{ name: 'vendor', key: { pem: key.pem } }],
        require: { signatures: { from: ['vendor'] } },
      });
      expect(await taken({ policies: ['golden'] }, [policy])).to.deep.equal({
        '1.0.0': 'Promoted',
        '1.1.0': 'Promoted',
        '1.2.0': 'Unsigned',
      });
      expect(fixture.registry.requests.filter(({ path }) => path.includes('/a/web/'))).to.deep.equal([]);
    });

    it('is judged by the signed reports in it', async () => {
      await exported();
      const authorities = [{ name: 'scanner', key: { pem: key.pem } }];
      expect(await taken({ scan: { from: 'Report', failOn: 'High', authorities } })).to.deep.equal({
        '1.0.0': 'Promoted',
        '1.1.0': 'ReportMissing',
        '1.2.0': 'ReportMissing',
      });
    });

    it('is judged by the SBOMs in it, which a scanner is given', async () => {
      await exported();
      expect(await taken({ scan: { from: 'Sbom', failOn: 'High' } })).to.deep.equal({
        '1.0.0': 'SbomMissing',
        '1.1.0': 'Promoted',
        '1.2.0': 'SbomMissing',
      });
      expect(scanned).to.deep.equal([sbom]);
    });
  });

  it('is one place under two spellings, and is no source and target at once', async () => {
    fixture = await openPromotionFixture();
    const spec = promotion('oci:./a/export', 'oci:.//a/./export').spec;
    const read = parsePromotion({
      apiVersion: 'pratique.dev/v1alpha1',
      kind: 'ImagePromotion',
      metadata: { name: 'app' },
      spec,
    });
    expect(read.ok ? [] : read.problems.map(({ path }) => path)).to.deep.equal(['spec.target.repository']);
  });
});
