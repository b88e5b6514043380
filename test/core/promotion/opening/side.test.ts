import { expect } from 'chai';
import type { OpeningContext } from '../../../../src/core/promotion/index.ts';
import { openSide } from '../../../../src/core/promotion/opening/side.ts';
import { openPromotionFixture } from '../../../support/promotions/promotion-fixture.ts';
import { openCompany, pullSecret } from '../../../support/promotions/company.ts';

/** Whether the scanner may use the logins of the installation besides, for a side of these namespaces. */
async function ownLogins(granting: boolean, side: object): Promise<readonly boolean[]> {
  const company = await openCompany({
    grants: (host) => [{ namespaces: ['team-b'], repositories: [`${host}/**`], access: ['Read'] }],
  });
  try {
    const { registry, fixture } = company;
    const entries = { ...pullSecret({ [registry.host]: 'robot' }), 'ca.crt': '' };
    const context = granting ? fixture.context : { ...fixture.context, granting: undefined };
    const given = { repository: `${registry.host}/a/b`, insecure: false, ...side };
    const opened = ['team-a', 'team-b'].map(async (namespace) => {
      const owner = { namespace, secret: () => entries, material: () => undefined };
      const signal = AbortSignal.timeout(9_000);
      const one = await openSide('source', { side: given, owner, needs: [] }, context, signal);
      if (!one.ok) throw new Error(JSON.stringify(one.problems));
      await one.value.close();
      return one.value.ownLogins;
    });
    return await Promise.all(opened);
  } finally {
    await company.close();
  }
}

describe('a side of a promotion', () => {
  it('K18 is scanned with the logins of clouds only where it is read with those of the installation', async () => {
    expect(await ownLogins(true, {})).to.deep.equal([false, true]);
    expect(await ownLogins(true, { secretRef: { name: 's' } })).to.deep.equal([false, false]);
    expect(await ownLogins(true, { caSecretRef: { name: 's' } })).to.deep.equal([false, false]);
    expect(await ownLogins(false, {})).to.deep.equal([true, true]);
  });

  it('reads and writes with every entry of its Secret that matches, in order, and names what it has not', async () => {
    const company = await openCompany();
    try {
      const { registry, fixture } = company;
      const { host } = registry;
      await company.push('a/b');
      const open = (secret: ReturnType<typeof pullSecret>) => {
        const side = { repository: `${host}/a/b`, secretRef: { name: 'pull' }, insecure: false };
        const owner = { namespace: 'team-a', secret: () => secret, material: () => undefined };
        const signal = AbortSignal.timeout(9_000);
        return openSide('target', { side, owner, needs: [] }, fixture.context, signal);
      };
      const good = await open(pullSecret({ [`${host}/a`]: 'stale', [host]: 'pratique' }));
      if (!good.ok) throw new Error(JSON.stringify(good.problems));
      const signal = AbortSignal.timeout(9_000);
      const { place, registry: opened } = good.value;
      expect(await opened.manifest({ ...place, tag: '1.0' }, signal)).to.be.an('object');
      expect(await opened.pushBlob(place, Buffer.from('x'), signal)).to.match(/^sha256:/);
      await good.value.close();

      const none = await open({ '.dockerconfigjson': JSON.stringify({ auths: { [host]: 1 } }) });
      expect(none.ok ? [] : none.problems.map(({ message }) => message)).to.deep.equal([
        `has no login for ${host}/a/b; Secret pull: 1 of its 1 entries cannot be read`,
      ]);
    } finally {
      await company.close();
    }
  });

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
