import { expect } from 'chai';
import { openCompany } from '../../support/promotions/company.ts';
import { decisions, promotionPath } from '../../support/promotions/promotion-path.ts';
import { openPromotionFixture, type PromotionFixture } from '../../support/promotions/promotion-fixture.ts';
import { failure } from '../../support/registry/http.ts';
import { startRegistry, type EmbeddedRegistry } from '../../support/registry/index.ts';
import { pushReferrer, type Pushed } from '../../support/registry/push.ts';
import { pushBundleSignature, pushLegacySignature } from '../../support/signed-images.ts';
import { signingKey } from '../../support/signing.ts';

const REPOSITORY = 'acme/attestations';
const vendor = signingKey();

describe('attachments that lie in another repository', () => {
  let fixture: PromotionFixture;
  let other: EmbeddedRegistry;
  let image: Pushed;
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
    [fixture, other] = [await openPromotionFixture({}, {}, { opening: { pause } }), await startRegistry()];
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
