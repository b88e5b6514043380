import { expect } from 'chai';
import type { Registry } from '../../../../src/clients/registry/index.ts';
import type { RegistryLogin } from '../../../../src/core/evidence/index.ts';
import { startRegistry, type EmbeddedRegistry } from '../../../support/registry/index.ts';
import { redirect, refuse } from '../../../support/registry/misbehave.ts';
import { always, client, closeClients, faultOf, patient, tagged } from '../client.ts';

const BEARER = { kind: 'bearer', username: 'acme', password: 'pa:ss', identityToken: 'refresh-me' } as const;
const ONE: RegistryLogin = { kind: 'password', username: 'acme', password: 'pa:ss' };
const OTHER: RegistryLogin = { kind: 'identity', token: 'refresh-me' };
/** Longer than any caller waits. */
const LONG = { 'retry-after': '60' };

describe('the pause of one login', () => {
  const open: EmbeddedRegistry[] = [];
  afterEach(async () => {
    await closeClients();
    await Promise.all(open.splice(0).map((one) => one.close()));
  });
  const start = async (options: Parameters<typeof startRegistry>[0] = {}): Promise<EmbeddedRegistry> => {
    const registry = await startRegistry(options);
    open.push(registry);
    return registry;
  };
  const ask = (registry: EmbeddedRegistry, one: Pick<Registry, 'manifest'>, repository = 'shop/web') =>
    one.manifest(tagged(registry, '1.0', repository), patient());
  const views = (one = client()) => ({
    one: one.as({ scope: 'one', keychain: always(ONE) }),
    other: one.as({ scope: 'other', keychain: always(OTHER) }),
    anonymous: one.as({ scope: 'none', keychain: always(undefined) }),
  });

  it('M20: a 429 for one login does not silence another login, nor anonymous callers', async () => {
    const registry = await start({ auth: BEARER });
    const { one, other, anonymous } = views();
    await Promise.all([ask(registry, one), ask(registry, other)]);
    registry.intercept(refuse('/v2/', 429, LONG));
    await faultOf(ask(registry, one), 'RegistryRateLimited');
    registry.intercept(undefined);
    const before = registry.requests.length;
    await faultOf(ask(registry, one), 'RegistryRateLimited');
    await faultOf(ask(registry, one, 'shop/other'), 'RegistryRateLimited');
    expect(registry.requests, 'this login sends nothing').to.have.length(before);
    expect(await ask(registry, other)).to.equal(undefined);
    expect(await ask(registry, other, 'shop/other')).to.equal(undefined);
    await faultOf(ask(registry, anonymous), 'RegistryDenied'); // it is answered by the registry
  });

  it('M20: a 429 for anonymous callers silences all of them, and no login', async () => {
    const registry = await start();
    const { one, anonymous } = views();
    registry.intercept(refuse('/v2/', 429, LONG));
    await faultOf(ask(registry, anonymous), 'RegistryRateLimited');
    registry.intercept(undefined);
    const more = client().as({ scope: 'elsewhere', keychain: always(undefined) });
    expect(await ask(registry, more), 'each client counts for itself').to.equal(undefined);
    const before = registry.requests.length;
    await faultOf(ask(registry, anonymous, 'shop/other'), 'RegistryRateLimited');
    expect(registry.requests).to.have.length(before);
    expect(await ask(registry, one), 'its first request carries no login yet').to.equal(undefined);
  });

  it('M20: one login is silent under every name of its set of logins', async () => {
    const registry = await start();
    const one = client();
    const [first, second] = ['first', 'second'].map((scope) => one.as({ scope, keychain: always(ONE) }));
    if (!first || !second) throw new Error('two views were made');
    registry.intercept(refuse('/v2/', 429, LONG));
    await faultOf(ask(registry, first), 'RegistryRateLimited');
    await faultOf(ask(registry, second), 'RegistryRateLimited');
    expect(registry.requests).to.have.length(1);
  });

  it('M20: a login that cannot be read shares the pause of anonymous callers', async () => {
    const registry = await start();
    const one = client();
    registry.intercept(refuse('/v2/', 429, LONG));
    await faultOf(ask(registry, one), 'RegistryRateLimited');
    const broken = one.as({ scope: 'broken', keychain: () => Promise.reject(new Error('cannot be read')) });
    await faultOf(ask(registry, broken), 'RegistryRateLimited');
    expect(registry.requests).to.have.length(1);
  });

  it('M20: promotions rest by the login that has little left', async () => {
    const registry = await start();
    const { one, other, anonymous } = views();
    registry.intercept(() => ({ status: 404, headers: { 'ratelimit-remaining': '0;w=120' } }));
    await ask(registry, one);
    const rests = [one, other, anonymous].map((view) => view.restMs(tagged(registry), patient()));
    const [mine, ...others] = await Promise.all(rests);
    expect(mine).to.be.within(60_000, 120_000);
    expect(others).to.deep.equal([0, 0]);
  });

  it('M21: a 429 of a token service silences one login there, and asks it for nothing more', async () => {
    const registry = await start({ auth: BEARER });
    const { one, other } = views();
    registry.intercept((request) =>
      request.url.pathname === '/token' && request.method === 'GET'
        ? { status: 429, headers: LONG }
        : undefined,
    );
    await faultOf(ask(registry, one), 'RegistryRateLimited');
    const tokens = () => registry.requests.filter(({ path }) => path.startsWith('/token')).length;
    expect(tokens()).to.equal(1);
    await faultOf(ask(registry, one, 'shop/other'), 'RegistryRateLimited');
    expect(tokens()).to.equal(1);
    expect(await ask(registry, other)).to.equal(undefined);
  });

  it('M21: a registry that redirects to a 429 elsewhere silences its own calls there, and no other', async () => {
    const [hostile, store] = [await start(), await start()];
    const one = client();
    hostile.intercept(redirect('/v2/', ({ url }) => `http://${store.host}${url.pathname}`));
    store.intercept(refuse('/v2/', 429, LONG));
    await faultOf(ask(hostile, one), 'RegistryRateLimited');
    store.intercept(undefined);
    await faultOf(ask(hostile, one), 'RegistryRateLimited');
    expect(store.requests).to.have.length(1);
    expect(await ask(store, one)).to.equal(undefined);
  });

  it('M21: very many logins of one registry do not lift the pause at another', async () => {
    const [flooded, registry] = [await start(), await start()];
    const one = client();
    for (const { host, intercept } of [flooded, registry]) {
      expect(host).to.not.equal('');
      intercept(refuse('/v2/', 429, LONG));
    }
    await faultOf(ask(registry, one), 'RegistryRateLimited');
    for (let index = 0; index < 300; index += 1) {
      const keychain = always({ kind: 'bearer', token: `login-${String(index)}` });
      await faultOf(ask(flooded, one.as({ scope: String(index), keychain })), 'RegistryRateLimited');
    }
    await faultOf(ask(registry, one), 'RegistryRateLimited');
    expect(registry.requests).to.have.length(1);
  });
});
