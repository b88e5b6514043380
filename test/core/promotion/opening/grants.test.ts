import { expect } from 'chai';
import {
  compileGrants,
  grantedKeychain,
  grantedTo,
  withheldFrom,
  type GrantedAccess,
} from '../../../../src/core/promotion/opening/grants.ts';
import { pathsOf } from '../../../support/promotions/promotions.ts';
import { forever } from '../../../support/verification.ts';

const place = (registry: string, repository: string) => ({ registry, repository });
const BASE = place('registry.example.com', 'golden/base');
const own = () => Promise.resolve({ kind: 'bearer', token: 'own' } as const);

/** What a namespace may do by one grant, and how often its labels were read. */
async function granted(
  repositories: readonly string[],
  more: object = {},
  access: readonly GrantedAccess[] = ['Read'],
) {
  const compiled = compileGrants([{ namespaces: ['team-a'], repositories, access, ...more }]);
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
  let reads = 0;
  const namespaceLabels = () => {
    reads += 1;
    return Promise.resolve({ state: 'found', value: { team: 'a' }, seenAt: new Date(0) } as const);
  };
  const value = await grantedTo('team-a', { grants: compiled.value, namespaceLabels }, forever());
  return { value, reads };
}

describe('a grant of the settings', () => {
  for (const [pattern, registry, repository] of [
    ['registry.example.com/golden/**', 'registry.example.com', 'golden/base'],
    ['REGISTRY.example.com/golden/**', 'registry.example.com', 'golden/a/b'],
    ['registry.example.com:5000/golden/*', 'registry.example.com:5000', 'golden/base'],
    ['registry.example.com/golden/*', 'registry.example.com:443', 'golden/base'],
    ['node', 'docker.io', 'library/node'],
    ['index.docker.io/node', 'docker.io', 'library/node'],
    ['acme/*', 'docker.io', 'acme/web'],
  ] as const)
    it(`K16 covers ${registry}/${repository} by ${pattern}`, async () => {
      const { value } = await granted([pattern]);
      expect(value.covers(place(registry, repository), 'Read')).to.equal(true);
    });

  for (const [pattern, registry, repository] of [
    ['registry.example.com/golden/*', 'registry.example.com', 'golden/a/b'],
    ['registry.example.com/golden/**', 'registry.example.com', 'golden'],
    ['registry.example.com/golden/**', 'registry.example.com', 'golden-2/base'],
    ['registry.example.com/golden/**', 'registry.example.com:5000', 'golden/base'],
    ['registry.example.com/golden/**', 'evil.example.com', 'registry.example.com/golden/base'],
    ['registry.example.com/golden/**', 'registry.example.com.evil.example', 'golden/base'],
    ['node', 'registry.example.com', 'library/node'],
    ['node', 'docker.io', 'acme/node'],
  ] as const)
    it(`K16 does not cover ${registry}/${repository} by ${pattern}`, async () => {
      const { value } = await granted([pattern]);
      expect(value.covers(place(registry, repository), 'Read')).to.equal(false);
    });

  for (const [repositories, path] of [
    [['*'], 'promotions.grants[1].repositories[0]'],
    [['registry.example.com/golden:1'], 'promotions.grants[1].repositories[0]'],
    [['golden/**', 'registry.example.com/Golden/*'], 'promotions.grants[1].repositories[1]'],
    [['registry.example.com/{golden,public}/**'], 'promotions.grants[1].repositories[0]'],
    [['!golden/**'], 'promotions.grants[1].repositories[0]'],
  ] as const)
    it(`K16 is refused with the pattern ${repositories.join(' ')}, which can match nothing`, () => {
      const good = { namespaces: ['a'], repositories: ['golden/**'], access: ['Read'] } as const;
      expect(pathsOf(compileGrants([good, { ...good, repositories }]))).to.deep.equal([path]);
    });

  it('K16 is refused with a selector that Kubernetes would not take', () => {
    const expression = { key: 'team', operator: 'Equals', values: ['a'] };
    const namespaceSelector = { matchExpressions: [expression] };
    const written = { namespaceSelector, repositories: ['golden/**'], access: ['Read'] } as const;
    expect(pathsOf(compileGrants([written]))[0]).to.match(
      /^promotions\.grants\[0]\.namespaceSelector\.matchExpressions\[0]/,
    );
    expect(pathsOf(compileGrants([{ ...written, namespaceSelector: { labels: {} } }]))).to.have.length(1);
  });

  it('K16 gives a login for its access only', async () => {
    const names = { pull: 'Read', push: 'Write', delete: 'Delete' } as const;
    for (const access of ['pull', 'push', 'delete'] as const) {
      const { value } = await granted(['registry.example.com/golden/**'], {}, [names[access]]);
      const keychain = grantedKeychain(own, value);
      for (const asked of ['pull', 'push', 'delete'] as const)
        expect((await keychain(BASE, forever(), asked)) !== undefined, `${asked} by ${access}`).to.equal(
          asked === access,
        );
      const elsewhere = place('registry.example.com', 'team-b/base');
      expect(await keychain(elsewhere, forever(), access)).to.equal(undefined);
      expect((await keychain(BASE, forever())) !== undefined).to.equal(access === 'pull');
    }
  });

  it('reads labels only where a selector of a grant of this namespace asks for them', async () => {
    const namespaceSelector = { matchLabels: { team: 'a' } };
    expect((await granted(['golden/**'])).reads).to.equal(0);
    expect((await granted(['golden/**'], { namespaceSelector })).reads).to.equal(1);
    expect((await granted(['golden/**'], { namespaces: ['team-b'], namespaceSelector })).reads).to.equal(0);
  });

  it('that is missing is named whole, and only as far as it is missing', async () => {
    const { value } = await granted(['registry.example.com/golden/**']);
    expect(withheldFrom(value, BASE, ['Read', 'Write', 'Delete'])).to.include(
      '{ namespaces: [team-a], repositories: ["registry.example.com/golden/base"], access: [Write, Delete] }',
    );
    expect(withheldFrom(value, BASE, ['Read'])).to.equal(undefined);
  });
});
