import { expect } from 'chai';
import { pushImage, pushIndex, pushManifest, type Pushed } from '../support/registry/push.ts';
import {
  openPromotionFixture,
  shipKey,
  type PromotionFixture,
} from '../support/promotions/promotion-fixture.ts';

const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
const AMD64 = { os: 'linux', architecture: 'amd64' };
const ARM64 = { os: 'linux', architecture: 'arm64' };
const MARKED = { 'vnd.docker.reference.type': 'attestation-manifest' };
const NOWHERE = { os: 'unknown', architecture: 'unknown' };

describe('what stands on an index', () => {
  let fixture: PromotionFixture;
  const place = (repository: string) => ({ registry: fixture.registry.host, repository });
  const at = (repository: string): string => `${fixture.registry.host}/${repository}`;
  const denying = (require: object = { quarantine: {}, lifecycle: {} }, more: object = {}) =>
    fixture.policy({ match: { images: ['**'] }, enforcement: 'Deny', onUnknown: 'Deny', require, ...more });
  const judge = async (image: string, policy = denying()): Promise<string> => {
    const { kind, reasons } = await fixture.judge(image, [policy]);
    return [kind, ...reasons].join(' ');
  };
  const mirror = () =>
    fixture.run({
      spec: {
        source: { repository: at('upstream/app') },
        target: { repository: at('quarantine/app') },
        tags: { include: ['.'] },
        mirror: {},
      },
    });
  const list = ({ mediaType, digest, size }: Pushed, more: object = {}) => ({
    mediaType,
    digest,
    size,
    ...more,
  });
  /** An index with one platform of its own, one in a nested index, and one that calls itself statements. */
  const pushNested = async (repository: string, tag: string) => {
    const to = place(repository);
    const amd = await pushImage(to, { salt: `amd ${tag}`, platform: AMD64 });
    const arm = await pushImage(to, { salt: `arm ${tag}`, platform: ARM64 });
    const disguised = await pushImage(to, { salt: `disguised ${tag}`, platform: AMD64 });
    const nested = await pushIndex(to, { manifests: [{ ...arm, platform: ARM64 }] });
    const manifests = [
      list(amd, { platform: AMD64 }),
      list(nested),
      list(disguised, { platform: NOWHERE, annotations: MARKED }),
    ];
    const index = await pushManifest({ ...to, tag }, { schemaVersion: 2, mediaType: OCI_INDEX, manifests });
    return { index, amd, nested, arm, disguised };
  };

  beforeEach(async () => {
    fixture = await openPromotionFixture();
  });
  afterEach(async () => {
    await fixture.close();
    expect(fixture.bugs).to.deep.equal([]);
  });

  it('W01: the flag of a mirror stands on the index and on everything below it that can be pulled by its digest', async () => {
    const all = await pushNested('upstream/app', '1.0.0');
    await mirror();
    expect(await judge(`${at('quarantine/app')}:1.0.0`)).to.equal('deny Quarantined');
    for (const [name, { digest }] of Object.entries(all))
      expect(await judge(`${at('quarantine/app')}@${digest}`), name).to.equal('deny Quarantined');
  });

  it('W02: the end of life of a superseded index stands on everything below it', async () => {
    const old = await pushNested('stage/app', '1.0.0');
    await pushNested('stage/app', '1.0.1');
    const { results } = await fixture.run({
      spec: {
        source: { repository: at('stage/app') },
        target: { repository: at('golden/app') },
        tags: { include: ['.'] },
        promote: { supersede: { endOfLifeAfter: '0s' } },
      },
    });
    expect(results.map(({ decision }) => decision)).to.deep.equal(['Promoted', 'Promoted']);
    for (const [name, { digest }] of Object.entries(old))
      expect(await judge(`${at('golden/app')}@${digest}`), name).to.equal('deny PastEndOfLife');
    expect(await judge(`${at('golden/app')}:1.0.1`)).to.equal('allow');
  });

  it('W03: a promotion releases the index and each of its platforms, and not what only calls itself statements', async () => {
    const all = await pushNested('stage/app', '1.0.0');
    const key = shipKey();
    await fixture.run({
      spec: {
        source: { repository: at('stage/app') },
        target: { repository: at('golden/app') },
        tags: { include: ['.'] },
        promote: { sign: { secretRef: { name: 'key' } } },
      },
      secrets: { key: { 'cosign.key': key.pem } },
    });
    const released = denying(
      { quarantine: { images: ['**/golden/**'], releasedBy: ['promotion'] } },
      { authorities: [{ name: 'promotion', key: { pem: key.publicPem } }] },
    );
    for (const name of ['index', 'amd', 'nested', 'arm'] as const)
      expect(await judge(`${at('golden/app')}@${all[name].digest}`, released), name).to.equal('allow');
    expect(await judge(`${at('golden/app')}@${all.disguised.digest}`, released)).to.equal('deny Quarantined');
  });
});
