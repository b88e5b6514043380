import { expect } from 'chai';
import { openPromotionFixture, type PromotionFixture } from '../support/promotions/promotion-fixture.ts';
import { promotionPath } from '../support/promotions/promotion-path.ts';

/** Requests to one registry at a time, by default: 16 questions, 16 downloads and 16 writes. Far fewer than wait. */
const UNDER_WAY = 48;

describe('admissions while much else is asked of a registry', () => {
  let fixture: PromotionFixture;
  beforeEach(async () => {
    fixture = await openPromotionFixture();
  });
  afterEach(() => fixture.close());
  const path = promotionPath(() => fixture);
  const nameOf = (repository: string): string => `${fixture.registry.host}/${repository}`;

  /** For each admission: how many requests of others the registry got between the question and its first request. */
  async function admit(namespace: string, count: number): Promise<readonly number[]> {
    const passed: number[] = [];
    let [others, at] = [0, 0];
    fixture.registry.intercept(({ url }) => {
      if (!url.pathname.startsWith('/v2/shop/')) others += 1;
      else if (passed.length === at) passed.push(others);
      return undefined;
    });
    const policies = [fixture.policy({ match: { images: ['**'] }, require: { quarantine: {} } })];
    for (; at < count; at += 1) {
      others = 0;
      const { kind } = await fixture.judge(nameOf(`shop/web-${String(at)}:1`), policies, { namespace });
      expect(kind).to.equal('allow');
    }
    return passed;
  }

  const pushAdmitted = async (count: number): Promise<void> => {
    for (let index = 0; index < count; index += 1) await path.push(`shop/web-${String(index)}`, '1');
  };

  it('M28: they wait for no more than what is under way already, whatever the audit and a promotion ask for', async () => {
    const admissions = 20;
    await pushAdmitted(admissions);
    for (let index = 0; index < 20; index += 1) await path.push('public/app', `1.0.${String(index)}`);
    fixture.registry.latency(2);
    const policies = [fixture.policy({ match: { images: ['**'] }, require: { quarantine: {} } })];
    let audited = 0;
    const audit = Array.from({ length: 2_000 }, async (_, index) => {
      const owner = { namespace: `team-${String(index % 20)}`, background: true };
      await fixture.judge(nameOf(`audit/app-${String(index)}:1`), policies, owner);
      audited += 1;
    });
    const promotion = fixture.run({ spec: path.mirror() });
    const passed = await admit('shop', admissions);
    const asked = (path: string): number =>
      fixture.registry.requests.filter((request) => request.path.startsWith(`/v2/${path}/`)).length;
    expect(asked('audit'), 'the audit goes on').to.be.at.least(10);
    expect(audited, 'and is not over').to.be.below(2_000);
    expect(Math.max(...passed)).to.be.at.most(UNDER_WAY);
    fixture.registry.latency(0);
    const { results } = await promotion;
    expect(results.every(({ decision }) => decision === 'Mirrored')).to.equal(true);
    await Promise.all(audit);
  });

  it('M28: they do not wait for those of another namespace that asks for very many images', async () => {
    const admissions = 10;
    await pushAdmitted(admissions);
    fixture.registry.latency(2);
    const policies = [fixture.policy({ match: { images: ['**'] }, require: { quarantine: {} } })];
    const flood = Array.from({ length: 900 }, (_, index) =>
      fixture.judge(nameOf(`flood/app-${String(index)}:1`), policies, { namespace: 'flood' }),
    );
    const passed = await admit('shop', admissions);
    expect(Math.max(...passed)).to.be.at.most(UNDER_WAY);
    fixture.registry.latency(0);
    await Promise.all(flood);
  });
});
