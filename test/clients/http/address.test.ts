import { expect } from 'chai';
import { addressKind, addressIn, isLoopbackSpelling } from '../../../src/clients/http/address.ts';

describe('kinds of address', () => {
  const TABLE = [
    ['http://203.0.113.7', 'public'],
    ['http://[2001:db8::1]', 'public'],
    ['http://127.0.0.1', 'loopback'],
    ['http://0x7f.1', 'loopback'],
    ['http://2130706433', 'loopback'],
    ['http://0177.0.0.1', 'loopback'],
    ['http://%31%32%37.0.0.1', 'loopback'],
    ['http://１２７.0.0.1', 'loopback'],
    ['http://127.0.0.1.', 'loopback'],
    ['http://[::1]', 'loopback'],
    ['http://[::ffff:127.0.0.1]', 'loopback'],
    ['http://[::127.0.0.1]', 'loopback'],
    ['http://[::ffff:0:7f00:1]', 'loopback'],
    ['http://[64:ff9b::7f00:1]', 'loopback'],
    ['http://[2002:7f00:1::]', 'loopback'],
    ['http://169.254.169.254', 'link-local'],
    ['http://[::ffff:169.254.169.254]', 'link-local'],
    ['http://[64:ff9b::a9fe:a9fe]', 'link-local'],
    ['http://[2002:a9fe:a9fe::1]', 'link-local'],
    ['http://100.100.100.200', 'link-local'],
    ['http://192.0.0.192', 'link-local'],
    ['http://[fe80::1]', 'link-local'],
    ['http://[fd00:ec2::254]', 'link-local'],
    ['http://0.0.0.0', 'link-local'],
    ['http://0', 'link-local'],
    ['http://[::]', 'link-local'],
    ['http://224.0.0.1', 'link-local'],
    ['http://255.255.255.255', 'link-local'],
    ['http://[ff02::1]', 'link-local'],
    ['http://[2001::1]', 'link-local'],
    ['http://[4000::1]', 'link-local'],
    ['http://10.1.2.3', 'private'],
    ['http://172.31.0.1', 'private'],
    ['http://172.32.0.1', 'public'],
    ['http://192.168.1.1', 'private'],
    ['http://100.64.0.1', 'private'],
    ['http://[fd12::1]', 'private'],
    ['http://[fec0::1]', 'private'],
    ['http://[64:ff9b::a00:1]', 'private'],
    ['http://[64:ff9b:1::1]', 'private'],
    ['http://[64:ff9b::cb00:7107]', 'public'],
  ] as const;
  for (const [url, kind] of TABLE) {
    it(`H08 calls ${url} ${kind}`, () => {
      expect(addressKind(addressIn(new URL(url).hostname) ?? '')).to.equal(kind);
    });
  }

  for (const [answer, kind] of [
    ['fe80::1%eth0', 'link-local'],
    ['::1%lo', 'loopback'],
    ['registry.example.com', 'link-local'],
    ['', 'link-local'],
  ] as const) {
    it(`N01 calls the answer of DNS "${answer}" ${kind}`, () => {
      expect(addressKind(answer)).to.equal(kind);
    });
  }

  for (const [url, isLoopback] of [
    ['http://localhost', true],
    ['http://LOCALHOST.', true],
    ['http://a.localhost', true],
    ['http://a.localhost..', true],
    ['http://localhost.example.com', false],
    ['http://registry.example.com', false],
  ] as const) {
    it(`H08 takes ${url} ${isLoopback ? '' : 'not '}for a name of loopback`, () => {
      expect(isLoopbackSpelling(new URL(url).hostname)).to.equal(isLoopback);
    });
  }
});
