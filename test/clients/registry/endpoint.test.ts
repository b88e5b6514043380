import { expect } from 'chai';
import { endpointOf, parseTokenServices, objectionToRealm } from '../../../src/clients/registry/endpoint.ts';

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
    ['lab.example.com', 'http://other.example.com/token', false],
  ] as const;
  for (const [registry, realm, allowed] of TABLE) {
    it(`H06 ${allowed ? 'allow' : 'do not allow'} ${registry} to name ${realm}`, () => {
      const objection = objectionToRealm(
        new URL(realm),
        endpointOf(registry, ['lab.example.com', 'auth.example.com']),
      );
      expect(objection === undefined, objection).to.equal(allowed);
    });
  }

  const NAMED = parseTokenServices([
    {
      registries: ['*.scw.example', 'lab.example.com'],
      hosts: ['api.scaleway.example', 'auth.example.net:8443'],
    },
  ]);
  const SERVICES = [
    ['rg.fr-par.scw.example', 'https://api.scaleway.example/token', true],
    ['rg.fr-par.scw.example:5000', 'https://api.scaleway.example/token', true],
    ['rg.fr-par.scw.example', 'https://api.scaleway.example:8443/token', false],
    ['rg.fr-par.scw.example', 'https://auth.example.net:8443/token', true],
    ['rg.fr-par.scw.example', 'http://api.scaleway.example/token', false],
    ['rg.fr-par.scw.example', 'https://acme:secret@api.scaleway.example/token', false],
    ['rg.fr-par.scw.example', 'https://evil.api.scaleway.example/token', false],
    ['rg.fr-par.scw.example', 'https://scaleway.example/token', false],
    ['scw.example', 'https://api.scaleway.example/token', false],
    ['registry.example.org', 'https://api.scaleway.example/token', false],
    ['rg.scw.example.org', 'https://api.scaleway.example/token', false],
  ] as const;
  for (const [registry, realm, allowed] of SERVICES)
    it(`H14 ${allowed ? 'allow' : 'do not allow'} ${registry} to name ${realm} where settings name token services`, () => {
      const from = endpointOf(registry, [], undefined, NAMED);
      const objection = objectionToRealm(new URL(realm), from);
      expect(objection === undefined, objection).to.equal(allowed);
    });
});
