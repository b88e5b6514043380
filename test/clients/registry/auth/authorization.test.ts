import { expect } from 'chai';
import { digestOf } from '../../../../src/core/model/index.ts';
import type { Keychain, RegistryLogin } from '../../../../src/core/evidence/index.ts';
import { startRegistry, type AuthOptions, type EmbeddedRegistry } from '../../../support/registry/index.ts';
import { refuse } from '../../../support/registry/misbehave.ts';
import { pushBlob } from '../../../support/registry/push.ts';
import { always, client, closeClients, faultOf, patient, tagged } from '../client.ts';

const PASSWORD: RegistryLogin = { kind: 'password', username: 'acme', password: 'pa:ss' };
const IDENTITY: RegistryLogin = { kind: 'identity', token: 'refresh-me' };
const BASIC: AuthOptions = { kind: 'basic', username: 'acme', password: 'pa:ss' };
const BEARER: AuthOptions = {
  kind: 'bearer',
  username: 'acme',
  password: 'pa:ss',
  identityToken: 'refresh-me',
};

describe('logging in', () => {
  const open: EmbeddedRegistry[] = [];
  afterEach(async () => {
    await closeClients();
    await Promise.all(open.splice(0).map((one) => one.close()));
  });
  async function start(auth: AuthOptions): Promise<EmbeddedRegistry> {
    const registry = await startRegistry({ auth });
    open.push(registry);
    return registry;
  }
  /** Every request for a missing object: `undefined` means that the login was accepted. */
  const ask = (registry: EmbeddedRegistry, one = client(), repository = 'shop/web'): Promise<unknown> =>
    one.manifest(tagged(registry, '1.0', repository), patient());
  const log = ({ requests }: EmbeddedRegistry): string[] =>
    requests.map(({ method, path, status }) => `${method} ${path.split('?')[0] ?? ''} ${String(status)}`);
  const MANIFEST = '/v2/shop/web/manifests/1.0';

  it('sends no login to a registry that does not require one', async () => {
    const registry = await start({ kind: 'none' });
    expect(await ask(registry, client({ keychain: always(PASSWORD) }))).to.equal(undefined);
    expect(registry.requests.some(({ authorized }) => authorized)).to.equal(false);
  });

  it('logs in with Basic, and at once the next time', async () => {
    const registry = await start(BASIC);
    const one = client({ keychain: always(PASSWORD) });
    expect(await ask(registry, one)).to.equal(undefined);
    expect(await ask(registry, one)).to.equal(undefined);
    expect(log(registry)).to.deep.equal([
      `GET ${MANIFEST} 401`,
      `GET ${MANIFEST} 404`,
      `GET ${MANIFEST} 404`,
    ]);
  });

  it('gets an anonymous token', async () => {
    const registry = await start({ kind: 'bearer' });
    expect(await ask(registry)).to.equal(undefined);
    expect(log(registry)).to.deep.equal([`GET ${MANIFEST} 401`, 'GET /token 200', `GET ${MANIFEST} 404`]);
    expect(registry.requests[1]).to.include({ authorized: false });
  });

  it('gets a token with name and password, and uses it again for the same repository', async () => {
    const registry = await start(BEARER);
    const one = client({ keychain: always(PASSWORD) });
    await ask(registry, one);
    await ask(registry, one);
    expect(await one.tags(tagged(registry), patient())).to.equal(undefined);
    expect(log(registry).filter((line) => line.includes('/token'))).to.deep.equal(['GET /token 200']);
    expect(log(registry).filter((line) => line.endsWith('401'))).to.have.length(1);
  });

  it('gets a token for a refresh token by POST', async () => {
    const registry = await start(BEARER);
    expect(await ask(registry, client({ keychain: always(IDENTITY) }))).to.equal(undefined);
    expect(log(registry)).to.include('POST /token 200');
  });

  it('sends a ready-made bearer token as it is', async () => {
    const registry = await start({ kind: 'none' });
    const seen: unknown[] = [];
    registry.intercept(({ headers }) => {
      seen.push(headers.authorization);
      const challenge = { 'www-authenticate': 'Bearer realm="https://auth.example.com/token"' };
      return headers.authorization === undefined ? { status: 401, headers: challenge } : undefined;
    });
    await ask(registry, client({ keychain: always({ kind: 'bearer', token: 'ready' }) }));
    expect(seen).to.deep.equal([undefined, 'Bearer ready']);
  });

  it('never uses a token of one repository or login for another', async () => {
    const registry = await start(BEARER);
    const keychain: Keychain = ({ repository }) =>
      Promise.resolve(repository === 'shop/web' ? PASSWORD : undefined);
    const one = client({ keychain });
    expect(await ask(registry, one)).to.equal(undefined);
    await faultOf(ask(registry, one, 'shop/other'), 'RegistryDenied');
  });

  it('reports a denial without a login and with a wrong one, and does not repeat the login', async () => {
    for (const auth of [BASIC, BEARER]) {
      const registry = await start(auth);
      await faultOf(ask(registry), 'RegistryDenied');
      for (const login of [
        { kind: 'password', username: 'acme', password: 'hunter2' },
        { kind: 'identity', token: 'hunter2' },
      ] as const) {
        const fault = await faultOf(ask(registry, client({ keychain: always(login) })), 'RegistryDenied');
        expect(fault.transient).to.equal(false);
        expect(`${fault.message} ${String(fault.cause)}`).to.not.match(/hunter2|aHVudGVyM/);
      }
    }
  });

  it('requests one token and one login for many callers at the same time', async () => {
    const registry = await start(BEARER);
    let asked = 0;
    const keychain: Keychain = () => {
      asked += 1;
      return Promise.resolve(PASSWORD);
    };
    const one = client({ keychain });
    registry.latency(10);
    await Promise.all(Array.from({ length: 50 }, () => ask(registry, one)));
    expect(log(registry).filter((line) => line.includes('/token'))).to.have.length(1);
    expect(asked).to.equal(1);
  });

  it('does not let one caller that gives up fail the others', async () => {
    const registry = await start(BEARER);
    const one = client({ keychain: always(PASSWORD) });
    registry.latency(60);
    const hasty = one.manifest(tagged(registry), AbortSignal.timeout(90));
    const calm = ask(registry, one);
    await faultOf(hasty, 'DeadlineExceeded');
    expect(await calm).to.equal(undefined);
    expect(log(registry).filter((line) => line.includes('/token'))).to.have.length(1);
  });

  it('gets a new token shortly before the old one ends', async () => {
    const registry = await start({ ...BEARER, expiresIn: 300 });
    let now = Date.now();
    const one = client({ keychain: always(PASSWORD), now: () => new Date(now) });
    await ask(registry, one);
    now += 289_000;
    await ask(registry, one);
    expect(log(registry).filter((line) => line.includes('/token'))).to.have.length(1);
    now += 2_000;
    await ask(registry, one);
    expect(log(registry).filter((line) => line.includes('/token'))).to.have.length(2);
    expect(log(registry).filter((line) => line.endsWith('401'))).to.have.length(1);
  });

  it('H09 gets one fresh token when one is refused mid-flow', async () => {
    const registry = await start(BEARER);
    const one = client({ keychain: always(PASSWORD) });
    await ask(registry, one);
    registry.revokeTokens();
    const from = registry.requests.length;
    expect(await ask(registry, one)).to.equal(undefined);
    expect(log(registry).slice(from)).to.deep.equal([
      `GET ${MANIFEST} 401`,
      'GET /token 200',
      `GET ${MANIFEST} 404`,
    ]);
  });

  it('H09 does not request token after token when all are refused', async () => {
    const registry = await start(BEARER);
    registry.intercept(({ url, headers }) =>
      url.pathname === '/token' || headers.authorization === undefined
        ? undefined
        : { status: 401, headers: { 'www-authenticate': `Bearer realm="${registry.url}/token"` } },
    );
    const one = client({ keychain: always(PASSWORD) });
    await faultOf(ask(registry, one), 'RegistryDenied');
    expect(log(registry)).to.have.length(3);
    await faultOf(ask(registry, one), 'RegistryDenied');
    expect(registry.requests.length).to.be.at.most(6);
  });

  it('uses a changed password within half a minute', async () => {
    const registry = await start(BASIC);
    let login: RegistryLogin = { kind: 'password', username: 'acme', password: 'old' };
    let now = Date.now();
    const one = client({ keychain: () => Promise.resolve(login), now: () => new Date(now) });
    await faultOf(ask(registry, one), 'RegistryDenied');
    login = PASSWORD;
    now += 30_001;
    expect(await ask(registry, one)).to.equal(undefined);
  });

  it('reports the failure of the token endpoint', async () => {
    const registry = await start(BEARER);
    const keychain = always(PASSWORD);
    for (const [status, code] of [
      [400, 'RegistryDenied'],
      [401, 'RegistryDenied'],
      [403, 'RegistryDenied'],
      [429, 'RegistryRateLimited'],
      [500, 'RegistryUnavailable'],
      [307, 'RegistryMisbehaved'],
    ] as const) {
      const expected = status === 307 ? 'UntrustedEndpoint' : code;
      registry.intercept(refuse('/token', status, { location: 'http://127.0.0.2/' }));
      const fault = await faultOf(ask(registry, client({ keychain })), expected);
      expect(fault.operation).to.match(/^log in to /);
    }
    for (const body of ['{}', 'x', '{"token":7}', '{"token":"a\\nb"}', '{"token":""}']) {
      registry.intercept(({ url }) => (url.pathname === '/token' ? { status: 200, body } : undefined));
      await faultOf(ask(registry, client({ keychain })), 'RegistryMisbehaved');
    }
  });

  it('accepts access_token as the token', async () => {
    const registry = await start({ kind: 'none' });
    registry.intercept(({ url, headers }) => {
      if (url.pathname === '/token') return { status: 200, body: '{"access_token":"mine"}' };
      const challenge = `Basic realm="x", Bearer realm="${registry.url}/token"`;
      return headers.authorization === 'Bearer mine'
        ? undefined
        : { status: 401, headers: { 'www-authenticate': challenge } };
    });
    expect(await ask(registry)).to.equal(undefined);
  });

  describe('H06 refuses to log in at', () => {
    const REALMS = [
      'https://auth.example.com/token',
      'http://127.0.0.2:9/token',
      'http://localhost:9/token',
      'http://169.254.169.254/token',
      'http://10.96.0.1/token',
      'ftp://127.0.0.1/token',
      'http://acme:secret@127.0.0.1/token',
    ];
    for (const realm of REALMS) {
      for (const login of [PASSWORD, undefined]) {
        it(`${realm} ${login ? 'with a login' : 'anonymously'}`, async () => {
          const registry = await start({ kind: 'bearer', realm });
          const fault = await faultOf(
            ask(registry, client({ keychain: always(login) })),
            'UntrustedEndpoint',
          );
          expect(fault.message).to.not.match(/secret|pa:ss/);
          expect(registry.requests).to.have.length(1);
        });
      }
    }
    it('no address at all', async () => {
      const registry = await start({ kind: 'bearer', realm: 'nowhere' });
      await faultOf(ask(registry), 'RegistryMisbehaved');
    });
  });

  it('H07 requests the login of the registry of the image, never one that the registry names', async () => {
    const registry = await start(BEARER);
    const asked: string[] = [];
    const keychain: Keychain = (place) => {
      asked.push(`${place.registry}/${place.repository}`);
      return Promise.resolve(PASSWORD);
    };
    await ask(registry, client({ keychain }));
    expect(asked).to.deep.equal([`${registry.host}/shop/web`]);
  });

  it('throws the error of the keychain instead of an anonymous request', async () => {
    const registry = await start({ kind: 'bearer' });
    const broken = new Error('no helper');
    const outcome = await ask(registry, client({ keychain: () => Promise.reject(broken) })).catch(
      (error: unknown) => error,
    );
    expect(outcome).to.equal(broken);
    expect(log(registry)).to.deep.equal([`GET ${MANIFEST} 401`]);
  });

  it('does not send the login of the registry to another host that stores a blob', async () => {
    const registry = await start(BASIC);
    const store = await start({ kind: 'none' });
    const blob = await pushBlob(
      { registry: store.host, repository: 'shop/web' },
      { mediaType: 'a/b', bytes: 'x' },
    );
    registry.intercept(({ url, headers }) =>
      url.pathname.includes('/blobs/') && headers.authorization !== undefined
        ? { status: 307, headers: { location: `${store.url}${url.pathname}` } }
        : undefined,
    );
    const descriptor = {
      mediaType: blob.mediaType,
      digest: digestOf('x'),
      size: blob.size,
      annotations: {},
    };
    const one = client({ keychain: always(PASSWORD) });
    const bytes = await one.blob(tagged(registry), descriptor, 10, patient());
    expect(Buffer.from(bytes ?? []).toString()).to.equal('x');
    expect(store.requests.some(({ authorized }) => authorized)).to.equal(false);
  });
});
