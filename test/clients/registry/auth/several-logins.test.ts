import { Readable } from 'node:stream';
import { expect } from 'chai';
import { anonymous, pullSecretLogins } from '../../../../src/clients/registry/index.ts';
import type { Keychain } from '../../../../src/core/evidence/index.ts';
import { severalLogins, type LoginWay } from '../../../../src/clients/registry/auth/several-logins.ts';
import type { Answer, Call } from '../../../../src/clients/registry/call.ts';
import { startRegistry, type EmbeddedRegistry } from '../../../support/registry/index.ts';
import { pushImage } from '../../../support/registry/push.ts';
import { client, closeClients, faultOf, patient, tagged } from '../client.ts';

/** What a registry answers to a name in place of the manifest; no name is `-`. Names not listed may read. */
type Answers = Readonly<Record<string, number>>;

const nameIn = (authorization: string | undefined): string =>
  authorization === undefined
    ? '-'
    : (Buffer.from(authorization.replace(/^Basic /, ''), 'base64')
        .toString()
        .split(':')[0] ?? '');
const login = (username: string) => ({ kind: 'password', username, password: 'hidden' }) as const;
const own: Keychain = () => Promise.resolve(login('own'));

describe('several logins for one registry', () => {
  let registry: EmbeddedRegistry;
  let names: string[];
  beforeEach(async () => {
    registry = await startRegistry();
    await pushImage({ registry: registry.host, repository: 'shop/web', tag: '1.0' });
  });
  afterEach(async () => {
    await closeClients();
    await registry.close();
  });

  function answering(answers: Answers): void {
    names = [];
    registry.intercept(({ headers }) => {
      const name = nameIn(headers.authorization);
      names.push(name);
      const status = answers[name];
      if (status === undefined) return undefined;
      return { status, headers: { 'www-authenticate': 'Basic realm="x"' }, body: '{}' };
    });
  }

  /** The registry with the logins of these secrets, and then the installation's own. */
  function viewOf(users: readonly string[], installation: Keychain = own) {
    const configs = users.map((username) => ({
      source: `Secret shop/${username}`,
      text: JSON.stringify({ auths: { [registry.host]: { username, password: 'hidden' } } }),
    }));
    const places = ['shop/web', 'signatures'].map((repository) => ({ registry: registry.host, repository }));
    const brought = pullSecretLogins(configs);
    return client({ keychain: installation }).as({
      scope: brought.scopeOf(places) ?? '',
      keychain: brought.keychainFor(places, installation),
      fallbacks: brought.fallbacksFor(places, installation),
    });
  }
  const read = async (view: ReturnType<typeof viewOf>, tag = '1.0'): Promise<boolean> =>
    (await view.manifest(tagged(registry, tag), patient())) !== undefined;

  for (const refusal of [401, 403, 404]) {
    it(`the next is tried after ${refusal}, in either order`, async () => {
      answering({ '-': 401, a: refusal });
      expect(await read(viewOf(['a', 'b']))).to.equal(true);
      expect(names).to.deep.equal(['-', 'a', '-', 'b']);
      expect(await read(viewOf(['b', 'a']))).to.equal(true);
    });
  }

  it("the installation's own is tried after all of them", async () => {
    answering({ '-': 401, a: 401, b: 403 });
    expect(await read(viewOf(['a', 'b']))).to.equal(true);
    expect(names.at(-1)).to.equal('own');
  });

  it('no login is the last that is tried, where a token service refuses the others', async () => {
    const asked: string[] = [];
    registry.intercept(({ url, headers }) => {
      const [name, realm] = [nameIn(headers.authorization), `Bearer realm="${registry.url}/token"`];
      if (url.pathname === '/token') {
        asked.push(name);
        return name === '-' ? { status: 200, body: '{"token":"public"}' } : { status: 401 };
      }
      const isIn = headers.authorization === 'Bearer public';
      return isIn ? undefined : { status: 401, headers: { 'www-authenticate': realm } };
    });
    expect(await read(viewOf(['a']))).to.equal(true);
    expect(asked).to.deep.equal(['a', 'own', '-']);
  });

  it('a repository is read at once with the login that has read it, and its 404 is final', async () => {
    answering({ '-': 401, a: 403 });
    const view = viewOf(['a', 'b']);
    await read(view);
    names.length = 0;
    expect(await read(view)).to.equal(true);
    expect(await read(view, 'gone')).to.equal(false);
    expect(names).to.deep.equal(['b', 'b']);
  });

  it('a login that no longer may read is followed by the others', async () => {
    answering({ '-': 401, a: 403 });
    const view = viewOf(['a', 'b']);
    await read(view);
    answering({ '-': 401, b: 403 });
    expect(await read(view)).to.equal(true);
    expect(names.at(-1)).to.equal('a');
  });

  const ALL_FAIL: readonly (readonly [string, Answers, 'absent' | 'denied'])[] = [
    ['all answer 404', { '-': 404, a: 404, b: 404, own: 404 }, 'absent'],
    ["the installation's own answers 404", { '-': 401, a: 401, b: 403, own: 404 }, 'absent'],
    ['only an anonymous request is refused', { '-': 401, a: 404, b: 404, own: 404 }, 'absent'],
    ["the installation's own is refused", { '-': 401, a: 404, b: 404, own: 403 }, 'denied'],
    ['all are refused', { '-': 401, a: 401, b: 403, own: 401 }, 'denied'],
  ];
  for (const [title, answers, expected] of ALL_FAIL)
    it(`it is ${expected} when ${title}`, async () => {
      answering(answers);
      const reading = read(viewOf(['a', 'b']));
      if (expected === 'absent') expect(await reading).to.equal(false);
      else await faultOf(reading, 'RegistryDenied');
    });

  it('T14 a login that is refused does not become "absent" because another one, or none, is answered 404', async () => {
    answering({ '-': 401, a: 403, b: 404 });
    await faultOf(read(viewOf(['a', 'b'], anonymous)), 'RegistryDenied');
    answering({ '-': 401, a: 404, b: 403 });
    await faultOf(read(viewOf(['a', 'b'], anonymous)), 'RegistryDenied');
  });

  it('T15 only so many logins are tried, each once, however many an object brings', async () => {
    const users = Array.from({ length: 40 }, (_, n) => `user-${n}`);
    answering({ '-': 401, own: 401, ...Object.fromEntries(users.map((name) => [name, 401])) });
    await faultOf(read(viewOf([...users, 'user-0'])), 'RegistryDenied');
    const tried = names.filter((name) => name !== '-');
    expect(tried).to.deep.equal([...users.slice(0, 8), 'own']);
  });

  it('writes go on to the next login of the object that may write, and it comes first from then on', async () => {
    answering({ '-': 401, a: 403 });
    const view = viewOf(['a', 'b']);
    await view.pushBlob(tagged(registry), Buffer.from('x'), patient());
    expect(names.filter((name) => name !== '-' && name !== 'a')).to.include('b');
    names = [];
    await view.pushBlob(tagged(registry), Buffer.from('y'), patient());
    await view.pushBlob(tagged(registry), Buffer.alloc(9_000_000), patient());
    expect(new Set(names)).to.deep.equal(new Set(['b']));
  });

  it('K23 nothing is written with the login of the installation, or without one, where those of the object may not write', async () => {
    answering({ '-': 401, a: 403, b: 403, own: 403 });
    await faultOf(
      viewOf(['a', 'b']).pushBlob(tagged(registry), Buffer.from('x'), patient()),
      'RegistryDenied',
    );
    expect(new Set(names)).to.deep.equal(new Set(['-', 'a', 'b']));
  });

  it('a registry that is slow or away is no refusal of a login', async () => {
    answering({ '-': 401, a: 429 });
    await faultOf(read(viewOf(['a', 'b'])), 'RegistryRateLimited');
    expect(names).not.to.include('b');
  });
});

describe('several logins for one upload', () => {
  it('a stream goes once, with the login that has begun the upload, whatever other requests are answered meanwhile', async () => {
    const sent: string[] = [];
    const found = Promise.withResolvers<undefined>();
    const answer = (status: number) =>
      ({
        status,
        url: new URL('http://127.0.0.1/'),
        headers: {},
        body: { dump: () => Promise.resolve() },
      }) as unknown as Answer;
    const way = (name: string, statusOf: (method: string) => number): LoginWay => ({
      authorizer: { loginName: () => Promise.resolve(name), mayRead: () => Promise.resolve(true) },
      transport: async (_, { method }) => {
        sent.push(`${name} ${method}`);
        if (method === 'HEAD') await found.promise;
        return answer(statusOf(method));
      },
    });
    const reader = way('a', (method) => (method === 'HEAD' ? 200 : 403));
    const writer = way('b', (method) => (method === 'PATCH' ? 403 : 202));
    const none = way('anonymous', () => 401);
    const { transport } = severalLogins(
      reader,
      [writer, none, none].map((one) => () => one),
    );
    const endpoint = { registry: 'r', origin: 'http://127.0.0.1' };
    const call = { endpoint, repository: 'shop/web', access: 'push' } as unknown as Call;
    const url = new URL('http://127.0.0.1/');
    const looking = transport(call, { method: 'HEAD', url });
    await transport(call, { method: 'POST', url });
    found.resolve(undefined);
    await looking;
    const body = { length: 1, open: () => Readable.from([Buffer.from('x')]) };
    expect((await transport(call, { method: 'PATCH', url, body })).status).to.equal(403);
    expect(sent).to.deep.equal(['a HEAD', 'a POST', 'b POST', 'b PATCH']);
  });
});
