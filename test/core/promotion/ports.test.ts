import { describePromotionPorts } from '../../support/contracts/promotion-ports.ts';
import { createRegistriesTwin } from '../../support/twins/registries.ts';
import { repositoryOf } from './images.ts';

for (const referrersApi of [true, false]) {
  describePromotionPorts(referrersApi ? 'the twin' : 'the twin without the referrers API', async () => {
    const registry = createRegistriesTwin();
    registry.manners('registry.example.com', { referrersApi });
    return {
      registry,
      home: repositoryOf('registry.example.com/shop/web'),
      beside: repositoryOf('registry.example.com/golden/web'),
      abroad: repositoryOf('golden.example.org/golden/web'),
      done: async () => undefined,
    };
  });
}
