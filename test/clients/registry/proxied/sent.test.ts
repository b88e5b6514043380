import { expect } from 'chai';
import type { RegistryOptions } from '../../../../src/clients/registry/index.ts';
import { startRegistry } from '../../../support/registry/index.ts';
import { redirect } from '../../../support/registry/misbehave.ts';
import { faultOf, patient, tagged } from '../client.ts';
import { NAME, OTHER, useProxies, type Lab } from './proxy-fixture.ts';

describe('what is asked of a proxy', () => {
  let registry: Lab['registry'];
  let digest: string;
  let proxyTo: Lab['proxyTo'];
  let behind: Lab['behind'];
  let read: Lab['read'];
  useProxies('https', (lab) => {
    ({ registry, digest, proxyTo, behind, read } = lab);
  });

  const SENT: readonly (readonly [string, Partial<RegistryOptions>])[] = [
    ['https://169.254.169.254/latest/meta-data', {}],
    ['https://[::ffff:169.254.169.254]/', {}],
    ['https://10.1.2.3/', {}],
    ['https://metadata.google.internal/', {}],
    ['https://vault.corp.internal/', {}],
    ['https://vault/', {}],
    [`https://vault.shop.svc.corp.example/`, {}],
    [
      'https://inside.corp-only.example/',
      {
        resolve: (name) =>
          Promise.resolve(name === 'inside.corp-only.example' ? ['10.0.0.9'] : ['203.0.113.9']),
      },
    ],
    [
      'https://metadata.corp-only.example/',
      {
        resolve: (name) =>
          Promise.resolve(name.startsWith('metadata') ? ['169.254.169.254'] : ['203.0.113.9']),
      },
    ],
  ];
  for (const [to, more] of SENT)
    it(`N16 is not followed to ${to} through the proxy`, async () => {
      const proxy = await proxyTo();
      registry.intercept(redirect('/manifests/', () => to));
      await faultOf(
        read(await behind({ HTTPS_PROXY: proxy.url, HTTP_PROXY: proxy.url }, more)),
        'UntrustedEndpoint',
      );
      expect(proxy.seen).to.deep.equal([`CONNECT ${NAME}:443`]);
    });

  it('N16 is nothing beside this process, whatever addresses the registry gives its own name here', async () => {
    const proxy = await proxyTo();
    const inside = await startRegistry();
    registry.intercept(redirect('/manifests/', () => `https://${inside.host}/inside`));
    const one = await behind({ HTTPS_PROXY: proxy.url }, { resolve: () => Promise.resolve(['127.0.0.1']) });
    await faultOf(read(one), 'UntrustedEndpoint');
    await inside.close();
    expect(inside.traffic().connections).to.equal(0);
  });

  it('is followed to a host that only the proxy knows', async () => {
    const proxy = await proxyTo();
    registry.intercept((request) =>
      request.headers.host === NAME
        ? { status: 307, headers: { location: `https://${OTHER}${request.url.pathname}` } }
        : undefined,
    );
    expect(await read(await behind({ HTTPS_PROXY: proxy.url }))).to.equal(digest);
    expect(proxy.seen).to.deep.equal([`CONNECT ${NAME}:443`, `CONNECT ${OTHER}:443`]);
  });

  for (const host of ['169.254.169.254', 'metadata.google.internal'])
    it(`N16 is not ${host}, by whatever name`, async () => {
      const proxy = await proxyTo();
      const one = await behind({ HTTPS_PROXY: proxy.url });
      await faultOf(one.tagDigest(tagged({ host }), patient()), 'AddressRefused');
      expect(proxy.seen).to.deep.equal([]);
    });

  it('N16 is not at a private address that is known here, where those are refused', async () => {
    const proxy = await proxyTo();
    const one = await behind(
      { HTTPS_PROXY: proxy.url },
      { privateRegistries: 'Refuse', resolve: () => Promise.resolve(['10.0.0.9']) },
    );
    await faultOf(read(one), 'AddressRefused');
    expect(proxy.seen).to.deep.equal([]);
  });
});
