import { expect } from 'chai';
import { answer } from '../../../support/registry/misbehave.ts';
import { faultOf } from '../client.ts';
import { LOGIN, NAME, useProxies, type Lab } from './proxy-fixture.ts';

describe('a registry over plain http behind a proxy', () => {
  let registry: Lab['registry'];
  let digest: string;
  let proxyTo: Lab['proxyTo'];
  let behind: Lab['behind'];
  let read: Lab['read'];
  useProxies('http', (lab) => {
    ({ registry, digest, proxyTo, behind, read } = lab);
  });

  const insecureHosts = [NAME];

  it('is asked for in absolute form, with the login of the proxy', async () => {
    const proxy = await proxyTo({ login: LOGIN });
    const url = proxy.url.replace('//', `//${LOGIN}@`);
    const one = await behind({ HTTP_PROXY: url }, { insecureHosts });
    expect(await read(one)).to.equal(digest);
    expect(await read(one)).to.equal(digest);
    expect(proxy.seen).to.deep.equal(
      Array.from({ length: 2 }, () => `HEAD http://${NAME}/v2/shop/web/manifests/1.0`),
    );
  });

  it('N18 is unknown, and not absent, where the proxy does not find it and answers 404 with a page', async () => {
    const proxy = await proxyTo({ route: () => undefined });
    const fault = await faultOf(
      read(await behind({ HTTP_PROXY: proxy.url }, { insecureHosts })),
      'RegistryUnavailable',
    );
    expect(fault.message).to.include(proxy.host).and.include('404');
  });

  it('N18 is unknown while the proxy asks for a login', async () => {
    const proxy = await proxyTo({ login: LOGIN });
    const fault = await faultOf(
      read(await behind({ HTTP_PROXY: proxy.url }, { insecureHosts })),
      'RegistryUnavailable',
    );
    expect(fault.message).to.include('407');
    expect(fault.transient).to.equal(false);
  });

  it('is absent where the registry itself answers 404', async () => {
    const proxy = await proxyTo();
    const one = await behind({ HTTP_PROXY: proxy.url }, { insecureHosts });
    expect(await read(one, 'none')).to.equal(undefined);
  });

  it('is a Fault of the registry where the registry itself refuses', async () => {
    registry.intercept(answer('/manifests/', { status: 403 }));
    const proxy = await proxyTo();
    await faultOf(read(await behind({ HTTP_PROXY: proxy.url }, { insecureHosts })), 'RegistryDenied');
  });
});
