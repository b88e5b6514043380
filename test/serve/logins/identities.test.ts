import { expect } from 'chai';
import { openSide } from '../../../src/core/promotion/opening/side.ts';
import { openPromotionFixture } from '../../support/promotions/promotion-fixture.ts';
import { REGION, ROLE, startClouds } from '../../support/registry/clouds.ts';
import { startRegistry } from '../../support/registry/index.ts';
import { pushImage } from '../../support/registry/push.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

describe('the identity of the installation in a cloud, in promotions', () => {
  it('K18 is used only where a grant lets the namespace', async () => {
    const clouds = await startClouds(() => new Date());
    const registry = await startRegistry({
      auth: { kind: 'basic', username: 'AWS', password: 'ecr-password' },
    });
    const folder = await temporaryFolder({ token: 'cluster-token' });
    const { host } = registry;
    const identity = {
      cloud: 'AWS' as const,
      registries: [host],
      ...{ region: REGION, roleArn: ROLE },
      tokenFile: `${folder.path}/token`,
      endpoints: { sts: `${clouds.url}/sts/`, ecr: `${clouds.url}/ecr/` },
    };
    const repositories = [`${host}/**`];
    const fixture = await openPromotionFixture(
      {},
      {
        registries: { identities: [identity] },
        promotions: { grants: [{ namespaces: ['team-b'], repositories, access: ['Read'] }] },
      },
      { namespaceLabels: () => Promise.resolve({ state: 'found', value: {}, seenAt: new Date() }) },
    );
    try {
      const headers = { authorization: `Basic ${btoa('AWS:ecr-password')}` };
      await pushImage({ registry: host, repository: 'shop/web', tag: '1.0', headers });
      registry.forgetLog();
      const read = async (namespace: string): Promise<unknown> => {
        const side = { repository: `${host}/shop/web`, insecure: false };
        const owner = { namespace, secret: () => undefined, material: () => undefined };
        const signal = AbortSignal.timeout(9_000);
        const opened = await openSide('source', { side, owner, needs: [] }, fixture.context, signal);
        if (!opened.ok) throw new Error(JSON.stringify(opened.problems));
        const { place, registry: asOwner } = opened.value;
        return asOwner.manifest({ ...place, tag: '1.0' }, signal).catch((error: unknown) => error);
      };
      expect(await read('team-a')).to.include({ code: 'NotGranted' });
      expect(registry.requests.filter(({ authorized }) => authorized)).to.deep.equal([]);
      expect(await read('team-b')).to.have.property('digest');
      expect(clouds.problems).to.deep.equal([]);
    } finally {
      await Promise.all([fixture.close(), clouds.close(), registry.close(), folder.remove()]);
    }
  });
});
