import { expect } from 'chai';
import type { Scanner } from '../../../src/core/promotion/index.ts';
import { openCompany } from '../../support/promotions/company.ts';
import { decisions, promotionPath } from '../../support/promotions/promotion-path.ts';
import { openPromotionFixture, type PromotionFixture } from '../../support/promotions/promotion-fixture.ts';
import { scanReport } from '../../support/promotions/scan-reports.ts';
import { failure } from '../../support/registry/http.ts';
import { startRegistry, type EmbeddedRegistry } from '../../support/registry/index.ts';
import { pushImage, pushReferrer, type Pushed } from '../../support/registry/push.ts';
import { pushBundleSignature, pushLegacySignature, pushStatement } from '../../support/signed-images.ts';
import { signingKey } from '../../support/signing.ts';

const REPOSITORY = 'acme/attestations';
const VULN = 'https://cosign.sigstore.dev/attestation/vuln/v1';
const CYCLONEDX = 'application/vnd.cyclonedx+json';
const SBOM = '{"bomFormat":"CycloneDX","components":[{"name":"musl"}]}';
const vendor = signingKey();
const scanOf = (finished: string) => ({
  SchemaVersion: 2,
  CreatedAt: finished,
  Metadata: { OS: { Family: 'alpine', Name: '3.22.0' } },
  Results: [{ Target: 'image', Class: 'os-pkgs', Type: 'alpine', Vulnerabilities: [] }],
});

describe('attachments that lie in another repository', () => {
  let fixture: PromotionFixture;
  let other: EmbeddedRegistry;
  let image: Pushed;
  let scanned: string[];
  const { push, place, mirror, promote } = promotionPath(() => fixture);
  const there = () => ({ registry: other.host, repository: REPOSITORY });
  const run = (more: object = {}) =>
    fixture.run({ spec: mirror({ attachments: { from: `${other.host}/${REPOSITORY}`, ...more } }) });
  const verdict = async (): Promise<string> => {
    const signed = fixture.policy({
      match: { images: ['**'] },
      authorities: [{ name: 'vendor', key: { pem: vendor.pem } }],
      require: { signatures: { from: ['vendor'] } },
    });
    return (await fixture.judge(`${fixture.registry.host}/quarantine/app:1.4.0`, [signed])).kind;
  };

  beforeEach(async () => {
    const pause = (): Promise<void> => Promise.resolve();
    scanned = [];
    const scanner: Scanner = (subject) => {
      scanned.push(subject.kind === 'sbom' ? Buffer.from(subject.sbom).toString() : subject.kind);
      const now = new Date();
      const times = { databaseUpdatedAt: now, startedAt: now, finishedAt: now };
      const output = scanReport(scanOf(now.toISOString()));
      return Promise.resolve({ ...output, scanner: { name: 'trivy', version: '1' }, ...times });
    };
    const opening = { pause, scanner: () => scanner };
    [fixture, other] = [await openPromotionFixture({}, {}, { opening }), await startRegistry()];
    image = await push('public/app', '1.4.0');
  });
  afterEach(async () => {
    await fixture.close();
    await other.close();
    expect(fixture.bugs).to.deep.equal([]);
  });

  for (const [form, attach] of [
    ['a bundle', pushBundleSignature],
    ['a tag', pushLegacySignature],
  ] as const)
    it(`P48 are carried with the image: ${form}`, async () => {
      await attach(there(), image, vendor);
      other.forgetLog();
      const { results } = await run();
      expect(decisions({ results })).to.deep.equal([['1.4.0', 'Mirrored']]);
      expect(results[0]?.attachments).to.include({ found: 1, carried: 1 });
      expect(await verdict()).to.equal('allow');
      expect(other.requests.filter(({ method }) => !['GET', 'HEAD'].includes(method))).to.deep.equal([]);
    });

  it('P48 are carried besides those at the source, and once where both have one', async () => {
    await pushBundleSignature(place('public/app'), image, vendor);
    await pushBundleSignature(there(), image, vendor);
    const sbom = { subject: image, artifactType: 'application/spdx+json' };
    await pushReferrer(place('public/app'), sbom);
    await pushReferrer(there(), sbom);
    const { results } = await run();
    expect(results[0]?.attachments).to.include({ found: 3, carried: 3 });
  });

  it('P48 come after the image where each run looks again', async () => {
    await run();
    await pushBundleSignature(there(), image, vendor);
    const { results } = await run({ late: true });
    expect(results[0]).to.deep.include({ decision: 'UpToDate' });
    expect(await verdict()).to.equal('allow');
  });

  for (const [status, reason] of [
    [403, 'RegistryDenied'],
    [503, 'RegistryUnavailable'],
  ] as const)
    it(`P48 fail the image where they cannot be read (${String(status)}), and the tag does not move`, async () => {
      other.intercept(() => failure(status, 'DENIED'));
      const { results } = await run();
      expect(decisions({ results })).to.deep.equal([['1.4.0', 'Failed', reason]]);
      expect(await verdict()).to.equal('deny');
    }).timeout(20_000);

  it('P48 stay where they are when the source is deleted', async () => {
    await pushBundleSignature(there(), image, vendor);
    other.forgetLog();
    const { results } = await fixture.run({
      spec: promote(
        { deleteSource: true },
        {
          source: { repository: `${fixture.registry.host}/public/app` },
          attachments: { from: `${other.host}/${REPOSITORY}` },
        },
      ),
    });
    expect(results[0]).to.deep.include({
      ...{ decision: 'Promoted', attachments: { found: 1, carried: 1, leftByRule: 0 } },
    });
    expect(results[0]?.message).to.equal(undefined);
    expect(other.requests.filter(({ method }) => !['GET', 'HEAD'].includes(method))).to.deep.equal([]);
  });

  describe('and gates', () => {
    const signed = () =>
      fixture.policy({
        match: { images: ['**'] },
        authorities: [{ name: 'vendor', key: { pem: vendor.pem } }],
        require: { signatures: { from: ['vendor'] } },
      });
    const promoted = async (attachments: object, rules: object = { policies: ['signed'] }) => {
      const source = { repository: `${fixture.registry.host}/public/app` };
      const spec = promote(rules, { source, attachments });
      const policies = [{ ...signed(), name: 'signed' }];
      return decisions(await fixture.run({ spec, policies, startedAt: new Date() }));
    };
    const from = () => `${other.host}/${REPOSITORY}`;

    for (const [form, attach] of [
      ['a bundle', pushBundleSignature],
      ['a tag', pushLegacySignature],
    ] as const)
      it(`P49 a signature there counts for the policies of the promotion that names the place: ${form}`, async () => {
        await attach(there(), image, vendor);
        expect(await promoted({})).to.deep.equal([['1.4.0', 'Blocked', 'Unsigned']]);
        expect(await promoted({ from: from() })).to.deep.equal([['1.4.0', 'Promoted']]);
      });

    it('P49 a signature there of another image, or by another key, counts for nothing', async () => {
      const another = await push('public/other', '1.4.0');
      await pushBundleSignature(there(), another, vendor);
      await pushBundleSignature(there(), image, signingKey());
      expect(await promoted({ from: from() })).to.deep.equal([['1.4.0', 'Blocked', 'Unsigned']]);
    });

    it('P49 a signed report there counts for the scan', async () => {
      const scanFinishedOn = new Date().toISOString();
      const scanner = { uri: 'trivy', version: '0.74.0', result: scanOf(scanFinishedOn) };
      const predicate = { scanner, metadata: { scanFinishedOn } };
      await pushStatement(there(), image, { key: vendor, predicateType: VULN, predicate });
      const scan = {
        from: 'Report',
        failOn: 'High',
        authorities: [{ name: 'scanner', key: { pem: vendor.pem } }],
      };
      expect(await promoted({}, { scan })).to.deep.equal([['1.4.0', 'Blocked', 'ReportMissing']]);
      expect(await promoted({ from: from() }, { scan })).to.deep.equal([['1.4.0', 'Promoted']]);
    });

    for (const form of ['a referrer', 'a tag'] as const)
      it(`P49 an SBOM there is given to the scanner: ${form}`, async () => {
        const blobs = [{ mediaType: CYCLONEDX, bytes: SBOM }];
        await (form === 'a tag'
          ? pushImage({ ...there(), tag: `${image.digest.replace(':', '-')}.sbom` }, { layers: blobs })
          : pushReferrer(there(), { subject: image, artifactType: CYCLONEDX, blobs }));
        const scan = { from: 'Sbom', failOn: 'High' };
        expect(await promoted({}, { scan })).to.deep.equal([['1.4.0', 'Blocked', 'SbomMissing']]);
        expect(await promoted({ from: from() }, { scan })).to.deep.equal([['1.4.0', 'Promoted']]);
        expect(scanned).to.deep.equal([SBOM]);
      });

    it('P49 a place that cannot be read is unknown to the policies, and not without signatures', async () => {
      other.intercept(() => failure(403, 'DENIED'));
      expect(await promoted({ from: from() })).to.deep.equal([['1.4.0', 'Blocked', 'RegistryDenied']]);
    });
  });

  it('P48 that are listed and gone are left, as at the source', async () => {
    const gone = await pushBundleSignature(there(), image, vendor);
    other.intercept(({ url }) =>
      url.pathname.endsWith(gone.digest) ? failure(404, 'MANIFEST_UNKNOWN') : undefined,
    );
    const { results } = await run();
    expect(results[0]).to.deep.include({ attachments: { found: 1, carried: 0, leftByRule: 1 } });
  });

  it('P48 are not read for the image itself: what the source lacks is missing', async () => {
    const lost = await push('public/lost', '1.0.0');
    const absent = { subject: lost, artifactType: 'application/spdx+json' };
    await pushReferrer(there(), absent);
    const spec = mirror({
      source: { repository: `${fixture.registry.host}/public/lost` },
      attachments: { from: `${other.host}/${REPOSITORY}` },
    });
    fixture.registry.intercept(({ method, url }) =>
      method === 'GET' && url.pathname === `/v2/public/lost/manifests/${lost.digest}`
        ? failure(404, 'MANIFEST_UNKNOWN')
        : undefined,
    );
    const { results } = await fixture.run({ spec });
    expect(decisions({ results })).to.deep.equal([['1.0.0', 'Blocked', 'ImageNotFound']]);
  });
});

for (const [title, granted, decision] of [
  ['without a grant', [], 'Failed'],
  ['with a grant', ['Read'], 'Mirrored'],
] as const)
  it(`K27 attachments in a repository of the installation are read ${title}: ${decision}`, async () => {
    const company = await openCompany({
      open: 'public',
      grants: (host) =>
        granted.map((one) => ({
          ...{ namespaces: ['team-a'], repositories: [`${host}/team-b/attestations`], access: [one] },
        })),
    });
    try {
      const { host } = company.registry;
      await company.push('public/app');
      company.registry.forgetLog();
      const { results } = await company.fixture.run({
        namespace: 'team-a',
        spec: {
          source: { repository: `${host}/public/app` },
          target: { repository: `${company.fixture.registry.host}/x/app` },
          tags: { explicit: ['1.0'] },
          attachments: { from: `${host}/team-b/attestations` },
          mirror: {},
        },
      });
      expect(results[0]).to.include({ decision, ...(decision === 'Failed' && { reason: 'NotGranted' }) });
      expect(company.withLogin() > 0).to.equal(granted.length > 0);
    } finally {
      await company.close();
    }
  });
