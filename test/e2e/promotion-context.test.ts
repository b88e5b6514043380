import { describeEvents } from './promotion-context/events.ts';
import { describeIdentities } from './promotion-context/identities.ts';
import { describeLogins } from './promotion-context/logins.ts';
import { describeMany } from './promotion-context/many.ts';
import { describeRegistries } from './promotion-context/registries.ts';
import { openAround, type Around } from './promotion-context/context.ts';

describe('promotions and their dependencies, with a real API server', () => {
  let opened: Around | undefined;
  before(async () => {
    opened = await openAround();
  });
  after(() => opened?.stop());

  const around = (): Around => {
    if (opened === undefined) throw new Error('nothing is open yet');
    return opened;
  };
  describeEvents(around);
  describeLogins(around);
  describeRegistries(around);
  describeIdentities(around);
  describeMany(around);
});
