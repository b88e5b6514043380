import { tellOfEvents } from './promotion-context/events.ts';
import { tellOfIdentities } from './promotion-context/identities.ts';
import { tellOfLogins } from './promotion-context/logins.ts';
import { tellOfMany } from './promotion-context/many.ts';
import { tellOfRegistries } from './promotion-context/registries.ts';
import { openAround, type Around } from './promotion-context/context.ts';

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
