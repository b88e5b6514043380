import { expect } from 'chai';
import type { OpeningContext } from '../../../../src/core/promotion/index.ts';
import { openSide } from '../../../../src/core/promotion/opening/side.ts';
import { openPromotionFixture } from '../../../support/promotions/promotion-fixture.ts';
import { pullSecret } from '../../../support/promotions/company.ts';

describe('a side of a promotion', () => {
  it('K21 shares facts with another namespace that has equal logins, and neither tokens nor transfers', async () => {
    const fixture = await openPromotionFixture();
    try {
      const views: string[] = [];
      const { registry } = fixture.context;
      const as: OpeningContext['registry']['as'] = (view) => {
        views.push(view.scope);
        return registry.as(view);
      };
      const context: OpeningContext = { ...fixture.context, registry: { ...registry, as } };
      const { host } = fixture.registry;
      const side = { repository: `${host}/a/b`, secretRef: { name: 'pull' }, insecure: false };
      const open = async (namespace: string) => {
        const owner = { namespace, secret: () => pullSecret({ [host]: 'robot' }), material: () => undefined };
        const opened = await openSide(
          'target',
          { side, owner, needs: [] },
          context,
          AbortSignal.timeout(9_000),
        );
        return opened.ok ? opened.value.scope : JSON.stringify(opened.problems);
      };
      expect(await open('team-a')).to.equal(await open('team-b'));
      await open('team-a');
      expect(views[2]).to.equal(views[0]);
      expect(views[1]).not.to.equal(views[0]);
    } finally {
      await fixture.close();
    }
  });
});
