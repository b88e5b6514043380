import { expect } from 'chai';
import { startRegistry, type EmbeddedRegistry } from '../../../support/registry/index.ts';
import { pushImage } from '../../../support/registry/push.ts';
import { always, client, closeClients, faultOf, patient, tagged } from '../client.ts';

describe('the answer of a token service', () => {
  let registry: EmbeddedRegistry;
  let service: EmbeddedRegistry;
  before(async () => {
    [registry, service] = [await startRegistry(), await startRegistry({ address: '127.0.0.2' })];
    await pushImage({ registry: registry.host, repository: 'shop/web', tag: '1.0' });
  });
  after(() => Promise.all([registry.close(), service.close()]));
  afterEach(closeClients);

  /** Asks for a tag; the service answers with this body. */
  const asked = async (
    body: string | Uint8Array,
    more: { type?: string; status?: number; named?: boolean } = {},
  ) => {
    const { type = 'application/json', status = 200, named = true } = more;
    let [now, tokens] = [0, 0];
    service.intercept(() => {
      tokens += 1;
      return { status, headers: { 'content-type': type }, body };
    });
    registry.intercept(({ headers }) =>
      headers.authorization === 'Bearer mine'
        ? undefined
        : { status: 401, headers: { 'www-authenticate': `Bearer realm="${service.url}/token"` } },
    );
    const one = client({
      keychain: always({ kind: 'password', username: 'acme', password: 'secret' }),
      now: () => new Date(now),
      tokenServices: named ? [{ registries: ['127.0.0.1'], hosts: ['127.0.0.2'] }] : [],
    });
    const ask = () => one.tagDigest(tagged(registry), patient());
    return { ask, after: (ms: number) => (now += ms), tokens: () => tokens };
  };

  const READ: readonly (readonly [body: string, type?: string, status?: number])[] = [
    ['{"token":"mine"}'],
    ['{"access_token":"mine"}'],
    ['{"token":"","access_token":"mine"}'],
    ['{"token":null,"access_token":"mine"}'],
    ['{"token":{},"access_token":" mine\\n"}'],
    ['{"token":"mine","access_token":7}'],
    ['{"token":"mine","expires_in":"300"}'],
    ['{"token":"mine","expires_in":300.5}'],
    ['{"token":"mine","expires_in":null}'],
    ['{"token":"mine","expires_in":"soon"}'],
    ['{"token":"mine","expires_in":-1,"issued_at":"yesterday"}'],
    ['{"token":"mine","expires_in":1e400,"issued_at":null}'],
    ['{"token":"mine"}', 'text/html; charset=utf-8'],
    ['{"token":"mine"}', 'application/octet-stream'],
    ['\ufeff{"token":"mine"}', 'text/plain'],
    ['{"token":"mine"}', '', 201],
  ];
  for (const [body, type, status] of READ)
    it(`is read: ${JSON.stringify([body, type, status])}`, async () => {
      const { ask, tokens } = await asked(body, { type, status });
      expect(await ask()).to.be.a('string');
      await ask();
      expect(tokens()).to.equal(1);
    });

  it('lasts as long as it states as a text, and a minute where it states nothing that can be read', async () => {
    for (const [lifetime, seconds] of [
      ['"300"', 300],
      ['"soon"', 60],
      ['0', 60],
    ] as const) {
      const { ask, after, tokens } = await asked(`{"token":"mine","expires_in":${lifetime}}`);
      await ask();
      after(seconds * 1_000 - 11_000);
      await ask();
      expect(tokens()).to.equal(1);
      after(2_000);
      await ask();
      expect(tokens()).to.equal(2);
    }
  });

  const UNREADABLE: readonly (readonly [body: string, words: string, status?: number])[] = [
    ['<html>log in</html>', 'what is no JSON'],
    ['', 'what is no JSON'],
    ['', 'what is no JSON', 204],
    ['[]', 'without a token'],
    ['"mine"', 'without a token'],
    ['null', 'without a token'],
    ['{"token":7}', 'without a token'],
    ['{"token":" "}', 'without a token'],
    ['{"token":"mi\\r\\nx: y"}', 'a token that no header can hold'],
    ['{"token":"mìne"}', 'a token that no header can hold'],
  ];
  for (const [body, words, status] of UNREADABLE)
    it(`H13 that is ${JSON.stringify(body)} is named as what it is, without its text`, async () => {
      const { ask } = await asked(body, { status });
      const fault = await faultOf(ask(), 'RegistryMisbehaved');
      expect(fault.message).to.include(words).and.include(service.host).and.not.include('mi');
    });

  it('H14 of another domain is not asked for unless settings name it for this registry, and the message names the setting', async () => {
    const { ask, tokens } = await asked('{"token":"mine"}', { named: false });
    const fault = await faultOf(ask(), 'UntrustedEndpoint');
    expect(fault.message).to.include('registries.tokenServices');
    expect(tokens()).to.equal(0);
  });
});
