import { expect } from 'chai';
import { objectionToUrl, parseAllowed, parseSentUrl } from '../../../src/clients/http/index.ts';
import { endpointOf } from '../../../src/clients/registry/endpoint.ts';

const INSECURE = ['lab.example.com:5000', 'storage.example.com'];
const ALLOWED = parseAllowed(['minio.example.com:9000', 'other.example.com']);

describe('the URLs that a registry may send', () => {
  const TABLE = [
    ['registry.example.com', 'https://storage.example.net/blob', true],
    ['registry.example.com', 'https://registry.example.com:8443/blob', true],
    ['registry.example.com', 'http://registry.example.com/x', false],
    ['registry.example.com', 'ftp://registry.example.com/x', false],
    ['registry.example.com', 'file:///etc/passwd', false],
    ['registry.example.com', 'https://user:pass@storage.example.net/', false],
    ['registry.example.com', 'https://user@storage.example.net/', false],
    ['registry.example.com', 'https://storage.example.net:6443/', false],
    ['registry.example.com', 'https://storage.example.net:80/', false],
    ['registry.example.com', 'https://minio.example.com:9000/x', true],
    ['registry.example.com', 'https://minio.example.com:9001/x', false],
    ['registry.example.com', 'https://other.example.com:9000/x', false],
    ['registry.example.com:5000', 'https://auth.example.com:5000/x', true],
    ['lab.example.com:5000', 'http://lab.example.com:5000/x', true],
    ['lab.example.com:5000', 'http://lab.example.com/x', true],
    ['lab.example.com:5000', 'http://lab.example.com:9000/x', false],
    ['lab.example.com:5000', 'http://storage.example.com/x', true],
    ['lab.example.com:5000', 'http://storage.example.net/x', false],
    ['lab.example.com:5000', 'https://storage.example.net/x', true],
    ['127.0.0.1:5000', 'http://127.0.0.1:6000/blob', true],
    ['127.0.0.1:5000', 'http://storage.example.net:6000/blob', false],
    ['lab.example.com:5000', 'http://127.0.0.1:6000/blob', false],
  ] as const;
  for (const [registry, target, allowed] of TABLE) {
    it(`N06 ${allowed ? 'allow' : 'do not allow'} ${registry} to send to ${target}`, () => {
      const from = endpointOf(registry, INSECURE, ALLOWED);
      const objection = objectionToUrl(new URL(target), from, from.rules);
      expect(objection === undefined, objection).to.equal(allowed);
    });
  }

  const FROM = new URL('https://registry.example.com/v2/');
  for (const text of [
    'https://storage.example.net\\@registry.example.com/',
    '\\\\storage.example.net\\x',
    'https://storage.example.net/a b',
    'https://storage\t.example.net/',
    'https://storage.example.net/\r\nhost: x',
    'https://storagе.example.net/',
    'https://１２７.0.0.1/',
    'https://[::1',
    'https://',
  ]) {
    it(`N07 ${JSON.stringify(text)} is no address`, () => {
      expect(parseSentUrl(text, FROM)).to.equal(undefined);
    });
  }

  it('N07 an address is read without its fragment, relative to the sender', () => {
    expect(parseSentUrl('/a?b=c#d', FROM)?.href).to.equal('https://registry.example.com/a?b=c');
    expect(parseSentUrl('//storage.example.net/a', FROM)?.href).to.equal('https://storage.example.net/a');
  });
});
