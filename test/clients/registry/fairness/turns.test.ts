import { expect } from 'chai';
import { turnOf } from '../../../../src/core/model/index.ts';
import { startRegistry, type EmbeddedRegistry } from '../../../support/registry/index.ts';
import { always, client, closeClients, patient, tagged } from '../client.ts';

describe('the turns of two namespaces at one registry', () => {
  let registry: EmbeddedRegistry;
  afterEach(async () => {
    await closeClients();
    await registry.close();
  });
  const login = always({ kind: 'password', username: 'acme', password: 'pa:ss' });
  const AUTH = { kind: 'bearer', username: 'acme', password: 'pa:ss' } as const;
  /** Asks of one namespace for as many repositories, each with a token of its own. */
  const flooded = async (auth?: typeof AUTH) => {
    registry = await startRegistry(auth ? { auth } : {});
    const one = client({ concurrencyPerHost: 1, keychain: login });
    const ask = (namespace: string, repository: string) =>
      one.inTurn(turnOf({ namespace })).manifest(tagged(registry, '1.0', repository), patient());
    const first = ask('a', 'shop/shared');
    const flood = Array.from({ length: 30 }, (_, index) => ask('a', `shop/app-${String(index)}`));
    return { ask, all: Promise.all([first, ...flood]) };
  };

  it('M22: the first request of one comes before the many of the other', async () => {
    const { ask, all } = await flooded();
    await ask('b', 'shop/web');
    expect(registry.requests.length).to.be.at.most(4);
    await all;
  });

  it('M24: a token that both need is not fetched behind the requests of the one that asked first', async () => {
    const { ask, all } = await flooded(AUTH);
    await ask('b', 'shop/shared');
    expect(registry.requests.length, 'of more than ninety').to.be.at.most(10);
    await all;
    expect(registry.requests.filter(({ path }) => path.startsWith('/token'))).to.have.length(31);
  });
});
