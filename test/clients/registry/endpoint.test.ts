import { expect } from 'chai';
import {
  addressKind,
  endpointOf,
  objectionTo,
  objectionToRealm,
} from '../../../src/clients/registry/endpoint.ts';

describe('the URL of a registry', () => {
  const TABLE = [
    ['registry.example.com', 'https://registry.example.com'],
    ['registry.example.com:5000', 'https://registry.example.com:5000'],
    ['docker.io', 'https://registry-1.docker.io'],
    ['localhost:5000', 'http://localhost:5000'],
    ['127.0.0.1:5000', 'http://127.0.0.1:5000'],
    ['127.8.9.10', 'http://127.8.9.10'],
    ['[::1]:5000', 'http://[::1]:5000'],
    ['lab.example.com:5000', 'http://lab.example.com:5000'],
    ['lab.example.com', 'https://lab.example.com'],
    ['localhost.example.com', 'https://localhost.example.com'],
    ['10.0.0.5:5000', 'https://10.0.0.5:5000'],
  ] as const;
  for (const [registry, origin] of TABLE) {
    it(`H10 of ${registry} is ${origin}`, () => {
      expect(endpointOf(registry, ['lab.example.com:5000']).origin).to.equal(origin);
    });
  }
});

describe('kinds of address', () => {
  const TABLE = [
    ['http://registry.example.com', 'public'],
    ['http://203.0.113.7', 'public'],
    ['http://[2001:db8::1]', 'public'],
    ['http://127.0.0.1', 'loopback'],
    ['http://0x7f.1', 'loopback'],
    ['http://2130706433', 'loopback'],
    ['http://localhost', 'loopback'],
    ['http://LOCALHOST.', 'loopback'],
    ['http://a.localhost', 'loopback'],
    ['http://[::1]', 'loopback'],
    ['http://[::ffff:127.0.0.1]', 'loopback'],
    ['http://169.254.169.254', 'link-local'],
    ['http://[::ffff:169.254.169.254]', 'link-local'],
    ['http://[fe80::1]', 'link-local'],
    ['http://[fd00:ec2::254]', 'link-local'],
    ['http://0.0.0.0', 'link-local'],
    ['http://[::]', 'link-local'],
    ['http://10.1.2.3', 'private'],
    ['http://172.31.0.1', 'private'],
    ['http://172.32.0.1', 'public'],
    ['http://192.168.1.1', 'private'],
    ['http://100.64.0.1', 'private'],
    ['http://[fd12::1]', 'private'],
    ['http://[64:ff9b::a00:1]', 'private'],
  ] as const;
  for (const [url, kind] of TABLE) {
    it(`H08 calls ${url} ${kind}`, () => {
      expect(addressKind(new URL(url).hostname)).to.equal(kind);
    });
  }
});

describe('the redirects that a registry may send', () => {
  const TABLE = [
    ['registry.example.com', 'https://storage.example.net/blob', true],
    ['registry.example.com', 'http://registry.example.com/x', false],
    ['registry.example.com', 'ftp://registry.example.com/x', false],
    ['registry.example.com', 'https://user:pass@storage.example.net/', false],
    ['registry.example.com', 'https://169.254.169.254/latest', false],
    ['registry.example.com', 'https://[fe80::1]/', false],
    ['registry.example.com', 'https://127.0.0.1/', false],
    ['registry.example.com', 'https://localhost:6443/', false],
    ['registry.example.com', 'https://10.96.0.1/', false],
    ['10.0.0.5', 'https://10.0.0.6/blob', true],
    ['10.0.0.5', 'https://127.0.0.1/blob', false],
    ['127.0.0.1:5000', 'http://127.0.0.1:6000/blob', true],
    ['127.0.0.1:5000', 'http://169.254.169.254/', false],
    ['127.0.0.1:5000', 'http://10.0.0.1/', false],
  ] as const;
  for (const [registry, target, allowed] of TABLE) {
    it(`H08 ${allowed ? 'allow' : 'do not allow'} ${registry} to redirect to ${target}`, () => {
      const objection = objectionTo(new URL(target), endpointOf(registry, []));
      expect(objection === undefined, objection).to.equal(allowed);
    });
  }
});

describe('the realms to which a registry may have logins sent', () => {
  const TABLE = [
    ['docker.io', 'https://auth.docker.io/token', true],
    ['registry.example.com', 'https://registry.example.com/token', true],
    ['registry.example.com', 'https://registry.example.com:8443/token', true],
    ['registry.example.com', 'https://example.com/jwt/auth', true],
    ['registry.example.com', 'https://auth.example.com/token', true],
    ['registry.example.com', 'https://auth.example.net/token', false],
    ['registry.example.com', 'https://registry.example.com.evil.example/token', false],
    ['registry.example.com', 'https://evilexample.com/token', false],
    ['registry.example.com', 'http://registry.example.com/token', false],
    ['registry.example.com', 'https://169.254.169.254/token', false],
    ['registry.example.co.uk', 'https://auth.example.co.uk/token', true],
    ['registry.example.co.uk', 'https://evil.co.uk/token', false],
    ['203.0.113.7', 'https://203.0.113.7:8443/token', true],
    ['203.0.113.7', 'https://198.51.113.7/token', false],
    ['registry', 'https://auth/token', false],
    ['127.0.0.1:5000', 'http://127.0.0.1:5001/token', true],
    ['127.0.0.1:5000', 'http://127.0.0.2:5001/token', false],
    ['lab.example.com', 'http://auth.example.com/token', true],
  ] as const;
  for (const [registry, realm, allowed] of TABLE) {
    it(`H06 ${allowed ? 'allow' : 'do not allow'} ${registry} to name ${realm}`, () => {
      const objection = objectionToRealm(new URL(realm), endpointOf(registry, ['lab.example.com']));
      expect(objection === undefined, objection).to.equal(allowed);
    });
  }
});
