import { expect } from 'chai';
import { MAX_REDIRECTS } from '../../../src/clients/registry/transport.ts';
import { startRegistry, type EmbeddedRegistry } from '../../support/registry/index.ts';
import { firstTimes, hangUp, redirect } from '../../support/registry/misbehave.ts';
import { pushImage } from '../../support/registry/push.ts';
import { always, client, closeClients, faultOf, patient, tagged, useRegistry } from './client.ts';

describe('redirects', () => {
  let registry: EmbeddedRegistry;
  let other: EmbeddedRegistry;
  before(async () => {
    registry = await startRegistry({ auth: { kind: 'basic', username: 'acme', password: 'p' } });
    other = await startRegistry();
  });
  after(() => Promise.all([registry.close(), other.close()]));
  afterEach(async () => {
    registry.reset();
    other.reset();
    await closeClients();
  });
  const keychain = always({ kind: 'password', username: 'acme', password: 'p' });
  const ask = (): Promise<unknown> => client({ keychain }).manifest(tagged(registry), patient());

  it('H06 removes the login outside the origin, and does not send it again on the way back', async () => {
    registry.intercept(({ url, headers }) =>
      headers.authorization !== undefined && url.search === ''
        ? { status: 302, headers: { location: `${other.url}/away` } }
        : undefined,
    );
    other.intercept(redirect('/away', () => `${registry.url}/v2/shop/web/manifests/1.0?back`));
    await faultOf(ask(), 'RegistryDenied');
    expect(other.requests.map(({ authorized }) => authorized)).to.deep.equal([false]);
    expect(registry.requests.map(({ authorized }) => authorized)).to.deep.equal([false, true, false]);
  });

  it('H06 does not answer the challenge of another host', async () => {
    registry.intercept(redirect('/v2/', () => `${other.url}/away`));
    const challenge = { 'www-authenticate': 'Basic realm="give me"' };
    other.intercept(() => ({ status: 401, headers: challenge }));
    await faultOf(ask(), 'RegistryDenied');
    expect(other.requests.map(({ authorized }) => authorized)).to.deep.equal([false]);
  });

  it('keeps the login on the same origin', async () => {
    registry.intercept(
      firstTimes(2, '/v2/', ({ url, headers }) =>
        headers.authorization === undefined
          ? undefined
          : { status: 308, headers: { location: url.pathname } },
      ),
    );
    expect(await ask()).to.equal(undefined);
    expect(registry.requests.map(({ status }) => status)).to.deep.equal([401, 308, 404]);
  });

  for (const target of [
    'http://169.254.169.254/latest/meta-data',
    'http://[fe80::1]/',
    'http://10.96.0.1/',
    'http://0.0.0.0/',
    'file:///etc/passwd',
    'http://user:secret@127.0.0.1/',
  ]) {
    it(`H08 does not follow to ${target}`, async () => {
      registry.intercept(redirect('/v2/', () => target));
      const fault = await faultOf(ask(), 'UntrustedEndpoint');
      expect(fault.message).to.not.include('secret');
      expect(registry.requests).to.have.length(1);
    });
  }

  it('ends a chain of redirects at the limit', async () => {
    let n = 0;
    registry.intercept(() => {
      n += 1;
      return { status: 307, headers: { location: `/v2/${String(n)}` } };
    });
    await faultOf(ask(), 'RegistryMisbehaved');
    expect(n).to.equal(MAX_REDIRECTS + 1);
  });

  it('refuses a redirect to no address', async () => {
    registry.intercept(redirect('/v2/', () => 'http://['));
    await faultOf(ask(), 'RegistryMisbehaved');
  });
});

describe('sending again', () => {
  let registry: EmbeddedRegistry;
  useRegistry((started) => (registry = started));

  it('sends a read once more when the connection is dropped', async () => {
    const target = { registry: registry.host, repository: 'shop/web', tag: '1.0' };
    const { digest } = await pushImage(target);
    registry.intercept(firstTimes(1, '/manifests/', hangUp('')));
    expect(await client().tagDigest(tagged(registry), patient())).to.equal(digest);
  });

  it('sends a read only once more', async () => {
    registry.intercept(hangUp('/manifests/'));
    await faultOf(client().manifest(tagged(registry), patient()), 'RegistryUnavailable');
    expect(registry.requests).to.have.length(2);
  });

  it('sends no more requests per host at a time than configured', async () => {
    let now = 0;
    let most = 0;
    registry.intercept(async () => {
      now += 1;
      most = Math.max(most, now);
      await new Promise((resolve) => setTimeout(resolve, 10));
      now -= 1;
      return undefined;
    });
    const one = client({ concurrencyPerHost: 3 });
    await Promise.all(
      Array.from({ length: 12 }, (_, n) => one.manifest(tagged(registry, `t${String(n)}`), patient())),
    );
    expect(most).to.equal(3);
  });

  it('fails open requests when it is closed', async () => {
    registry.latency(500);
    const one = client();
    const asked = one.manifest(tagged(registry), patient());
    setTimeout(() => void one.close(), 30);
    await faultOf(asked, 'RegistryUnavailable');
    registry.latency(0);
  });
});
