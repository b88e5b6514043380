import { expect } from 'chai';
import { createDownloads, shareOf } from '../../src/gate/clients.ts';
import { startGate } from './running-gate.ts';
import { policyDocument } from '../support/policies.ts';
import { startRegistry } from '../support/registry/index.ts';
import { pushImage } from '../support/registry/push.ts';

/** More than what sockets and buffers on the way take at once. */
const LAYER_BYTES = 32 * 1024 * 1024;

const anonymous = { kind: 'anonymous', name: 'anonymous' } as const;
const isProxy = (address: string): boolean => address.startsWith('192.0.2.');
const from = (address: string, forwarded?: string): string => {
  const headers = new Map(forwarded === undefined ? [] : [['x-forwarded-for', forwarded]]);
  return shareOf(anonymous, { address, headers }, isProxy);
};

describe('clients of the gate', () => {
  it('G73 count by the address of the connection, whatever they write into headers', () => {
    expect(from('198.51.100.1', '203.0.113.9')).to.equal('198.51.100.1');
    expect(from('192.0.2.1', '203.0.113.9')).to.equal('203.0.113.9');
    expect(from('192.0.2.1', '10.9.9.9, 203.0.113.9, 192.0.2.7')).to.equal('203.0.113.9');
    expect(from('192.0.2.1', '203.0.113.9, unknown')).to.equal('192.0.2.1');
    expect(from('192.0.2.1')).to.equal('192.0.2.1');
  });

  it('G73 count by their network of IPv6, of which they have every address', () => {
    const one = from('2001:db8:1:2::1');
    expect(one).to.equal('2001:db8:1:2::/64');
    expect(from('2001:db8:1:2:aaaa:bbbb:cccc:dddd')).to.equal(one);
    expect(from('2001:db8:1:3::1')).not.to.equal(one);
    expect(from('2001:db8::1')).to.equal('2001:db8:0:0::/64');
    expect(from('::1')).to.equal('0:0:0:0::/64');
    expect(from('fe80::1%eth0')).to.equal('fe80:0:0:0::/64');
    expect(from('::ffff:198.51.100.1')).to.equal('198.51.100.1');
  });

  it('count by name only where it is proven', () => {
    const at = { address: '198.51.100.1', headers: new Map<string, string>() };
    expect(shareOf({ kind: 'token', name: 'ci' }, at, isProxy)).to.equal('token ci');
    expect(shareOf({ kind: 'login', name: 'ci' }, at, isProxy)).to.equal('198.51.100.1');
  });

  it('have as many downloads at a time as they may, and end each once', () => {
    const download = createDownloads(2);
    const [first, second] = [download('a')!, download('a')!];
    expect(download('a')).to.equal(undefined);
    expect(download('b')).not.to.equal(undefined);
    first();
    first();
    const third = download('a')!;
    expect(download('a')).to.equal(undefined);
    second();
    third();
    expect(download('a')).not.to.equal(undefined);
  });

  it('G73 are answered 429 beyond that, until a download ends', async () => {
    const registry = await startRegistry();
    const policy = policyDocument({ require: { quarantine: {} } });
    const gate = await startGate({ upstreams: [{ match: ['**'] }], downloadsPerClient: 1 }, [policy]);
    try {
      const target = { registry: registry.host, repository: 'shop/web', tag: '1.0' };
      const image = await pushImage(target, { layers: ['x'.repeat(LAYER_BYTES)] });
      const { layers } = image.body as { layers: { digest: string }[] };
      const blob = `${registry.host}/shop/web/blobs/${layers[0]!.digest}`;
      const manifest = await gate.get(`${registry.host}/shop/web/manifests/1.0`);
      expect(manifest.status).to.equal(200);
      await manifest.text();
      const slow = await gate.get(blob);
      const more = await gate.get(blob, { headers: { 'x-forwarded-for': '203.0.113.9' } });
      expect(more.status).to.equal(429);
      expect(more.headers.get('retry-after')).to.match(/^[1-9]/);
      expect(await more.text()).to.include('this client has 1 downloads at a time');
      expect((await gate.get(blob, { method: 'HEAD' })).status).to.equal(200);
      expect((await slow.arrayBuffer()).byteLength).to.equal(LAYER_BYTES);
      const next = await gate.get(blob);
      expect(next.status).to.equal(200);
      await next.body?.cancel();
    } finally {
      await gate.close();
      await registry.close();
    }
  });
});
