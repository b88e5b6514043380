import { expect } from 'chai';
import { SILENT } from '../support/promotions/silent.ts';
import { decisions, pathKeys, promotionPath } from '../support/promotions/promotion-path.ts';
import { openPromotionFixture, type PromotionFixture } from '../support/promotions/promotion-fixture.ts';

describe('a promotion of an image that another writer pushed to its tag', () => {
  let fixture: PromotionFixture;
  const { key, secrets, sign } = pathKeys();
  const { push, promote } = promotionPath(() => fixture);

  beforeEach(async () => {
    fixture = await openPromotionFixture();
    await push('quarantine/app', '1.0.0');
    await fixture.run({ spec: promote() });
  });
  afterEach(async () => {
    await fixture.close();
    expect(fixture.bugs).to.deep.equal([]);
  });

  const admission = async () => {
    const policy = fixture.policy({
      match: { images: ['**'] },
      authorities: [{ name: 'release', key: { pem: key.publicPem } }],
      require: { signatures: { from: ['release'] } },
    });
    return (await fixture.judge(`${fixture.registry.host}/golden/app:1.0.0`, [policy])).kind;
  };

  for (const format of ['Bundle', 'Legacy', 'Both'])
    it(`P07 goes through the gates, and is signed and released when it passes (${format})`, async () => {
      const spec = promote({ sign: { ...sign, format } });
      expect(decisions(await fixture.run({ spec, secrets }))).to.deep.equal([['1.0.0', 'Promoted']]);
      expect(await admission()).to.equal('allow');
      fixture.registry.forgetLog();
      expect(decisions(await fixture.run({ spec, secrets }))).to.deep.equal([['1.0.0', 'UpToDate']]);
      // The list of tags, a HEAD at each side, and one listing, or cosign's two tags.
      expect(fixture.registry.requests).to.have.lengthOf(format === 'Legacy' ? 5 : 4);
    });

  it('P07 is blocked by the gates like any other, also in a run that continues after a crash', async () => {
    const policy = fixture.policy({
      match: { images: ['**'] },
      authorities: [{ name: 'build', key: { pem: pathKeys().key.publicPem } }],
      require: { signatures: { from: ['build'] } },
    });
    const spec = promote({ sign, policies: ['golden'] });
    const stopped = [['1.0.0', 'Blocked', 'Unsigned']];
    const ran = await fixture.run({ spec, secrets, policies: [policy] });
    expect(decisions(ran)).to.deep.equal(stopped);
    const execution = await fixture.open({ spec, secrets, policies: [policy] });
    const order = { dryRun: false, resumed: true, approvals: () => [], progress: SILENT };
    const results = await execution.run(ran.planned, order, AbortSignal.timeout(50_000));
    await execution.close();
    expect(decisions({ results })).to.deep.equal(stopped);
    expect(await admission()).to.equal('deny');
  });

  it('P07 does not count as promoted when another key has signed it', async () => {
    await fixture.run({ spec: promote({ sign }), secrets: pathKeys().secrets });
    const ran = await fixture.run({ spec: promote({ sign }), secrets });
    expect(decisions(ran)).to.deep.equal([['1.0.0', 'Promoted']]);
  });
});
