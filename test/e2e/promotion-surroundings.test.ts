import { tellOfEvents } from './promotion-surroundings/events.ts';
import { tellOfIdentities } from './promotion-surroundings/identities.ts';
import { tellOfLogins } from './promotion-surroundings/logins.ts';
import { tellOfMany } from './promotion-surroundings/many.ts';
import { tellOfRegistries } from './promotion-surroundings/registries.ts';
import { openAround, type Around } from './promotion-surroundings/around.ts';

describe('promotions and what is around them, at a real API server', () => {
  let opened: Around | undefined;
  before(async () => {
    opened = await openAround();
  });
  after(() => opened?.stop());

  const around = (): Around => {
    if (opened === undefined) throw new Error('nothing is open yet');
    return opened;
  };
  tellOfEvents(around);
  tellOfLogins(around);
  tellOfRegistries(around);
  tellOfIdentities(around);
  tellOfMany(around);
});
