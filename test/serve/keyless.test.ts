import { expect } from 'chai';
import { listReferrers } from '../support/registry/listings.ts';
import { pushImage } from '../support/registry/push.ts';
import { openPromotionFixture, type PromotionFixture } from '../support/promotions/promotion-fixture.ts';
import { OPENID_ISSUER, WORKFLOW } from '../support/sigstore/fulcio.ts';
import { createSigstore } from '../support/sigstore/instance.ts';
import { identityToken, startServers, type Servers } from '../support/sigstore/servers.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';

describe('a promotion that signs by an identity', () => {
  let fixture: PromotionFixture;
  let servers: Servers;
  let folder: TemporaryFolder;
  beforeEach(async () => {
    servers = await startServers(await createSigstore());
    const token = identityToken({ iss: OPENID_ISSUER, sub: WORKFLOW });
    folder = await temporaryFolder({ token: `${token}\n` });
    const lent = { servers: [servers.url], namespaces: ['platform'] };
    const identityTokens = {
      sigstore: { ...lent, file: `${folder.path}/token` },
      lost: { ...lent, file: `${folder.path}/lost` },
      others: { ...lent, file: `${folder.path}/token`, namespaces: ['elsewhere'] },
    };
    fixture = await openPromotionFixture({}, { signing: { identityTokens } });
  });
  afterEach(async () => {
    await fixture.close();
    await servers.stop();
    await folder.remove();
    expect(fixture.bugs).to.deep.equal([]);
  });

  const spec = (keyless: object = {}) => ({
    source: { repository: `${fixture.registry.host}/quarantine/app` },
    target: { repository: `${fixture.registry.host}/golden/app` },
    tags: { semver: ['*'] },
    promote: { sign: { keyless: { fulcioURL: servers.url, rekorURL: servers.url, ...keyless } } },
  });
  const problemOf = async (keyless: object): Promise<string> => {
    try {
      await fixture.open({ spec: spec(keyless) });
    } catch (error) {
      return String(error);
    }
    throw new Error('it was opened');
  };

  it('attaches bundles with a certificate to the image: its signature and its release statement', async () => {
    const place = { registry: fixture.registry.host, repository: 'quarantine/app', tag: '1.4.0' };
    const { digest } = await pushImage(place);
    const { results } = await fixture.run({ spec: spec() });
    expect(results[0]).to.deep.include({ decision: 'Promoted' });
    const referrers = await listReferrers({ ...place, repository: 'golden/app' }, digest);
    expect(referrers.map(({ artifactType }) => artifactType)).to.deep.equal([
      'application/vnd.dev.sigstore.bundle.v0.3+json',
      'application/vnd.dev.sigstore.bundle.v0.3+json',
    ]);
  });

  it('uses a token in no other namespace, and sends it to no other server', async () => {
    expect(await problemOf({ identity: 'others' })).to.contain('spec.promote.sign.keyless.identity');
    for (const field of ['fulcioURL', 'rekorURL', 'tsaURL'])
      expect(await problemOf({ [field]: 'http://127.0.0.1:9' })).to.contain(`sign.keyless.${field}`);
  });

  it('names the field when there is no token of that name, or its file is lost', async () => {
    for (const identity of ['missing', 'lost'])
      expect(await problemOf({ identity })).to.contain('spec.promote.sign.keyless.identity');
  });
});
