import { anonymous, createRegistry } from '../../../src/clients/registry/index.ts';
import { describePromotionPorts } from '../../support/contracts/promotion-ports.ts';
import { startRegistry } from '../../support/registry/index.ts';

for (const referrersApi of [true, false]) {
  const name = referrersApi ? 'a registry with the referrers API' : 'a registry with fallback tags';
  describePromotionPorts(name, async () => {
    const [here, there] = await Promise.all([startRegistry({ referrersApi }), startRegistry()]);
    const registry = createRegistry({ keychain: anonymous, now: () => new Date() });
    return {
      registry,
      home: { registry: here.host, repository: 'shop/web' },
      beside: { registry: here.host, repository: 'golden/web' },
      abroad: { registry: there.host, repository: 'golden/web' },
      done: async () => {
        await registry.close();
        await Promise.all([here.close(), there.close()]);
      },
    };
  });
}
