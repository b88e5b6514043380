import { expect } from 'chai';
import type { ReasonCode } from '../../../../src/core/model/index.ts';
import type { RegistryOptions } from '../../../../src/clients/registry/index.ts';
import type { Intercept } from '../../../support/registry/index.ts';
import { answer, redirect } from '../../../support/registry/misbehave.ts';
import { always, client, faultOf, patient, tagged } from '../client.ts';
import { closeAfterEach, expectThere, openRegistries, openRegistry, transferOf } from '../two-registries.ts';

const REGISTRY = 'registry.example.com';
const ELSEWHERE = 'elsewhere.example.com';
const PUBLIC = '203.0.113.66';
const PRIVATE = '10.0.0.7';

/** A source without the layer, a place at `address` that has it, and the addresses that a manifest names for it. */
async function lab({ address = PUBLIC, own = PUBLIC }: { address?: string; own?: string } = {}) {
  const at = await openRegistries({ size: 41 });
  const place = await openRegistry();
  const name = (host: string, other: string) => host.replace('127.0.0.1', other);
  const [registry, elsewhere] = [name(at.source.host, REGISTRY), name(place.host, ELSEWHERE)];
  const empty = await openRegistry();
  const table: Readonly<Record<string, string>> = { [REGISTRY]: own, [ELSEWHERE]: address };
  const port = (host: string): string => host.replace(/^.*:/, '');
  place.intercept(answer('/layer', { status: 200, body: at.bytes }));
  const bring = (urls: readonly string[], more: Partial<RegistryOptions> = {}) => {
    const one = client({
      resolve: (host) => Promise.resolve([table[host] ?? '127.0.0.1']),
      dial: () => '127.0.0.1',
      insecureHosts: [registry, elsewhere, ELSEWHERE],
      allowedAddresses: [`unrelated.example.com:${port(place.host)}`],
      ...more,
    });
    const from = tagged({ host: registry }, '1.0', 'shop/other');
    const transfer = transferOf({ ...at, target: empty, blob: { ...at.blob, urls } }, { source: one, from });
    return client().transferBlob({ ...transfer }, patient());
  };
  return { ...at, target: empty, place, bring, layer: `http://${elsewhere}/layer`, registry, port };
}

const allow = (port: string, ...more: string[]): Partial<RegistryOptions> => ({
  allowedAddresses: [`${ELSEWHERE}:${port}`, ...more],
});

describe('a layer that a manifest places outside of its registry', () => {
  closeAfterEach();

  it('N15 is read at the first address that has it, and proven', async () => {
    const { bring, layer, place, port, ...at } = await lab();
    const none = layer.replace('/layer', '/v2/shop/web/blobs/none');
    expect(await bring([none, layer], allow(port(place.host)))).to.equal('copied');
    await expectThere(at);
  });

  it('N15 is read at the source where the source has it', async () => {
    const at = await openRegistries();
    const blob = { ...at.blob, urls: ['http://127.0.0.1:1/layer'] };
    expect(await client().transferBlob(transferOf({ ...at, blob }), patient())).to.equal('copied');
  });

  for (const own of [PUBLIC, PRIVATE])
    for (const address of [PRIVATE, '127.0.0.1', '169.254.169.254', '10.96.0.1'])
      it(`N15 is not asked for at ${address} by a registry at ${own}`, async () => {
        const { bring, layer, place } = await lab({ own, address });
        const other = layer.replace(/:\d+/, ''); // the usual port needs no leave
        await faultOf(bring([other]), 'UntrustedEndpoint');
        await faultOf(bring([layer]), 'UntrustedEndpoint');
        expect(place.requests).to.deep.equal([]);
      });

  it('N15 is asked for at a private address that an administrator allows', async () => {
    const { bring, layer, place, port } = await lab({ address: PRIVATE });
    expect(await bring([layer], allow(port(place.host)))).to.equal('copied');
  });

  it('N15 gets no login, also where its address is that of its own registry', async () => {
    const { bring, layer, place, source, registry, port } = await lab({ own: PRIVATE });
    const logins: unknown[] = [];
    const note: Intercept = ({ headers, url }) => {
      if (url.pathname === '/layer' || url.pathname.includes('/secret/')) logins.push(headers.authorization);
      return undefined;
    };
    const layerOf = answer('/layer', { status: 401, headers: { 'www-authenticate': 'Basic' } });
    place.intercept((request, handle) => note(request, handle) ?? layerOf(request, handle));
    const challenge = { status: 401, headers: { 'www-authenticate': 'Basic realm="a"' }, body: '' };
    source.intercept((request, handle) =>
      request.url.pathname.includes('/secret/') ? (note(request, handle) ?? challenge) : undefined,
    );
    const own = `http://${registry}/v2/secret/blobs/${'0'.repeat(64)}`;
    const keychain = always({ kind: 'password', username: 'me', password: 'secret' });
    await faultOf(bring([own], { keychain }), 'UntrustedEndpoint');
    await faultOf(bring([layer], { keychain, ...allow(port(place.host), registry) }), 'RegistryDenied');
    await faultOf(bring([own], { keychain, allowedAddresses: [registry] }), 'RegistryDenied');
    expect(logins).to.deep.equal([undefined, undefined]);
  });

  const ODD: readonly (readonly [string, string, ReasonCode])[] = [
    ['a file', 'file:///etc/passwd', 'UntrustedEndpoint'],
    ['a login', 'https://me:secret@elsewhere.example.com/layer', 'UntrustedEndpoint'],
    ['another port', 'https://elsewhere.example.com:8443/layer', 'UntrustedEndpoint'],
    ['no address', '/layer', 'UntrustedEndpoint'],
    ['a backslash', 'https://elsewhere.example.com\\@evil.example.com/', 'UntrustedEndpoint'],
  ];
  for (const [what, url, code] of ODD)
    it(`N15 is not asked for at ${what}`, async () => {
      const { bring, place } = await lab();
      const fault = await faultOf(bring([url]), code);
      expect(fault.message).not.to.include('secret@');
      expect(place.requests).to.deep.equal([]);
    });

  it('N15 is not asked for at a private address at the end of a redirect', async () => {
    const { bring, layer, place, source, registry, port } = await lab({ own: PRIVATE });
    place.intercept(redirect('/layer', () => `http://${registry}/inside`));
    await faultOf(bring([layer], allow(port(place.host), 'a.example.com')), 'UntrustedEndpoint');
    expect(source.requests.map(({ path }) => path)).not.to.include('/inside');
  });

  it('N15 that is something else does not arrive', async () => {
    const { bring, layer, place, port, target, bytes } = await lab();
    for (const body of [Buffer.alloc(bytes.byteLength), bytes.subarray(1), Buffer.concat([bytes, bytes])]) {
      place.intercept(answer('/layer', { status: 200, body }));
      await faultOf(bring([layer], allow(port(place.host))), 'RegistryMisbehaved');
    }
    expect(target.requests.filter(({ method }) => method === 'PUT')).to.deep.equal([]);
  });

  it('is missing where no address has it', async () => {
    const { bring, layer, place, port } = await lab();
    const none = layer.replace('/layer', '/v2/shop/web/blobs/none');
    const fault = await faultOf(bring([none], allow(port(place.host))), 'RegistryMisbehaved');
    expect(fault.transient).to.equal(false);
  });
});
