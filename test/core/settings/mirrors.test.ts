import { expect } from 'chai';
import { parseSettings } from '../../../src/core/settings/index.ts';
import { pathsOf } from './settings.ts';

describe('the settings of mirrors', () => {
  const having = (...mirrors: readonly unknown[]): unknown => ({ registries: { mirrors } });
  const endpoints = [{ location: 'mirror.example.com' }];

  const PREFIXES: readonly (readonly [prefix: string, isRight: boolean])[] = [
    ['docker.io', true],
    ['docker.io/library', true],
    ['registry.example.com:5000/shop/web', true],
    ['localhost:5000', true],
    ['127.0.0.1:5000', true],
    ['[::1]:5000', true],
    ['*.example.com', true],
    ['*.example.com:5000', true],
    ['*', true],
    ['', false],
    ['library', false],
    ['library/nginx', false],
    ['docker.io/', false],
    ['https://docker.io', false],
    ['docker.io/library/nginx:1', false],
    ['docker.io/Library', false],
    ['docker.io/../secret', false],
    ['*.', false],
    ['*/library', false],
    ['docker.*', false],
    ['acme@docker.io', false],
    ['docker.io?ns=quay.io', false],
    ['oci:./export', false],
    ['oci:/export', false],
  ];
  for (const [prefix, isRight] of PREFIXES)
    it(`${isRight ? 'take' : 'refuse'} "${prefix}" as a prefix`, () => {
      expect(pathsOf(having({ prefix, endpoints }))).to.deep.equal(
        isRight ? [] : ['registries.mirrors[0].prefix'],
      );
    });

  for (const location of [
    '*',
    '*.example.com',
    'mirror',
    'http://mirror.example.com',
    'a:b@mirror.example.com',
    'mirror.example.com/v2/hub:1',
    'oci:./export',
    'oci:../export',
    'oci:/export',
    'oci:.',
  ])
    it(`refuse "${location}" as a location`, () => {
      const path = 'registries.mirrors[0].endpoints[0].location';
      expect(pathsOf(having({ prefix: 'docker.io', endpoints: [{ location }] }))).to.deep.equal([path]);
    });

  it('refuse a prefix without endpoints, with too many, and twice', () => {
    const at = (index: number, field: string) => [`registries.mirrors[${String(index)}].${field}`];
    expect(pathsOf(having({ prefix: '*', endpoints: [] }))).to.deep.equal(at(0, 'endpoints'));
    const many = Array.from({ length: 9 }, () => endpoints[0]);
    expect(pathsOf(having({ prefix: '*', endpoints: many }))).to.deep.equal(at(0, 'endpoints'));
    const one = { prefix: 'docker.io', endpoints };
    expect(pathsOf(having(one, one))).to.deep.equal(at(1, 'prefix'));
  });

  it('refuse that a registry is never read where no mirror is complete: nothing would report flags', () => {
    const never = { prefix: 'docker.io', upstream: 'Never', endpoints };
    expect(pathsOf(having(never))).to.deep.equal(['registries.mirrors[0].upstream']);
    const complete = [...endpoints, { location: 'other.example.com', complete: true }];
    expect(pathsOf(having({ ...never, endpoints: complete }))).to.deep.equal([]);
  });

  it('read the registry itself, and take no mirror for complete, unless they name it', () => {
    const read = parseSettings(having({ prefix: 'docker.io', endpoints }));
    expect(read.ok && read.value.registries.mirrors).to.deep.equal([
      {
        prefix: 'docker.io',
        upstream: 'Allow',
        endpoints: [{ location: 'mirror.example.com', complete: false }],
      },
    ]);
  });
});
