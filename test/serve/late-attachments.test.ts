import { expect } from 'chai';
import { decisions, pathKeys, promotionPath } from '../support/promotions/promotion-path.ts';
import { openPromotionFixture, type PromotionFixture } from '../support/promotions/promotion-fixture.ts';
import { signingKey } from '../support/signing.ts';
import { pushBundleSignature, pushLegacySignature } from '../support/signed-images.ts';
import type { Pushed } from '../support/registry/push.ts';

const UP_TO_DATE = [['1.4.0', 'UpToDate']];
const late = { attachments: { late: true } };

describe('an attachment that is added after the promotion of its image', () => {
  let fixture: PromotionFixture;
  let image: Pushed;
  const vendor = signingKey();
  const { key: release, secrets, sign } = pathKeys();
  const { place, push, mirror, promote } = promotionPath(() => fixture);

  beforeEach(async () => {
    fixture = await openPromotionFixture();
    image = await push('public/app', '1.4.0');
    await fixture.run({ spec: mirror() });
  });
  afterEach(async () => {
    await fixture.close();
    expect(fixture.bugs).to.deep.equal([]);
  });

  const signedBy = (...keys: readonly string[]) =>
    keys.map((pem) =>
      fixture.policy({
        match: { images: ['**'] },
        authorities: [{ name: 'one', key: { pem } }],
        require: { signatures: { from: ['one'] } },
      }),
    );
  const verdict = async (path: string, ...keys: readonly string[]) =>
    (await fixture.judge(`${fixture.registry.host}/${path}:1.4.0`, signedBy(...keys))).kind;

  for (const [form, attach] of [
    ['a bundle', pushBundleSignature],
    ['a tag', pushLegacySignature],
  ] as const)
    it(`is copied once by the next run when that is configured (${form})`, async () => {
      await attach(place('public/app'), image, vendor);
      const unasked = await fixture.run({ spec: mirror() });
      expect(decisions(unasked)).to.deep.equal(UP_TO_DATE);
      expect(unasked.results[0]?.attachments).to.include({ found: 0 });

      const { results } = await fixture.run({ spec: mirror(late) });
      expect(decisions({ results })).to.deep.equal(UP_TO_DATE);
      expect(results[0]?.attachments).to.include({ found: 1, carried: 1 });
      expect(await verdict('quarantine/app', vendor.pem)).to.equal('allow');

      fixture.registry.forgetLog();
      expect(decisions(await fixture.run({ spec: mirror(late) }))).to.deep.equal(UP_TO_DATE);
      expect(
        fixture.registry.requests.filter(({ method }) => !['GET', 'HEAD'].includes(method)),
      ).to.deep.equal([]);
    });

  it('is added to the attachments of the target', async () => {
    const spec = promote({ sign: { ...sign, format: 'Legacy' } }, late);
    expect(decisions(await fixture.run({ spec, secrets }))).to.deep.equal([['1.4.0', 'Promoted']]);
    await pushLegacySignature(place('quarantine/app'), image, vendor);
    expect(decisions(await fixture.run({ spec, secrets }))).to.deep.equal(UP_TO_DATE);
    expect(await verdict('golden/app', vendor.pem, release.publicPem)).to.equal('allow');
  });
});
