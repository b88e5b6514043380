import { describeEvents } from './context/events.ts';
import { describeIdentities } from './context/identities.ts';
import { describeLogins } from './context/logins.ts';
import { describeMany } from './context/many.ts';
import { describeRegistries } from './context/registries.ts';
import { openAround, type Around } from './context/context.ts';

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
