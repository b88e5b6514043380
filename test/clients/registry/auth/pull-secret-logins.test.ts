import { expect } from 'chai';
import { anonymous, pullSecretLogins } from '../../../../src/clients/registry/index.ts';
import { processorTime } from '../../../support/processor-time.ts';
import { forever } from '../../../support/verification.ts';

const auth = (name: string) => ({ auth: Buffer.from(`${name}:secret-of-${name}`).toString('base64') });
const config = (auths: Readonly<Record<string, object>>, source = 'Secret acme/pull') => ({
  source,
  text: JSON.stringify({ auths }),
});
const place = (registry: string, repository: string) => ({ registry, repository });
const WEB = place('registry.example.com', 'shop/web');
const DB = place('registry.example.com', 'shop/db');
const OTHER = place('other.example.com', 'web');

const userAt = async (
  where: { readonly registry: string; readonly repository: string },
  ...configs: Parameters<typeof pullSecretLogins>[0]
): Promise<string | undefined> => {
  const login = await pullSecretLogins(configs).keychainFor([where], anonymous)(where, forever());
  return login?.kind === 'password' ? login.username : login?.kind;
};

describe('logins of pull secrets', () => {
  it('the longest prefix is used, in whichever secret it is', async () => {
    const host = config({ 'registry.example.com': auth('host') }, 'Secret acme/a');
    const team = config({ 'https://registry.example.com/shop': auth('team') }, 'Secret acme/b');
    expect(await userAt(WEB, host, team)).to.equal('team');
    expect(await userAt(place('registry.example.com', 'shopping'), host, team)).to.equal('host');
  });

  it('the first of equal entries is used', async () => {
    const first = config({ 'registry.example.com': auth('first') });
    const second = config({ 'registry.example.com': auth('second') });
    expect(await userAt(WEB, first, second)).to.equal('first');
  });

  it('every entry that matches is tried in this order, each login once, then that of the installation', async () => {
    const one = config({
      '*.example.com/shop': auth('glob'),
      'registry.example.com': auth('host'),
      'registry.example.com/shop': auth('team'),
      'other.example.com': auth('other'),
    });
    const two = config({
      'registry.example.com/shop/web': auth('host'),
      'registry.example.com': auth('last'),
    });
    const brought = pullSecretLogins([one, two]);
    const own = () => Promise.resolve({ kind: 'bearer', token: 'own' } as const);
    const all = [brought.keychainFor([WEB], own), ...brought.fallbacksFor([WEB], own)];
    const logins = await Promise.all(all.map((keychain) => keychain(WEB, forever())));
    const names = logins.map((login) => (login?.kind === 'password' ? login.username : login?.kind));
    expect(names).to.deep.equal(['host', 'team', 'last', 'glob', 'bearer']);
    const elsewhere = await Promise.all(all.map((keychain) => keychain(OTHER, forever())));
    expect(elsewhere.every((login) => login?.kind === 'bearer')).to.equal(true);
  });

  it('K22 scopes differ by every login that is tried, not by the first one alone', () => {
    const scope = (...names: readonly string[]) =>
      pullSecretLogins(names.map((name) => config({ 'registry.example.com': auth(name) }))).scopeOf([WEB]);
    expect(new Set([scope('a'), scope('a', 'b'), scope('b', 'a'), scope('a', 'c')]).size).to.equal(4);
    expect(scope('a', 'a')).to.equal(scope('a'));
  });

  const PATTERNS: readonly (readonly [key: string, registry: string, isFor: boolean])[] = [
    ['*.registry.example.com', 'eu.registry.example.com', true],
    ['https://*.registry.example.com/v2/', 'eu.registry.example.com', true],
    ['*.registry.example.com', 'registry.example.com', false],
    ['*.registry.example.com', 'a.eu.registry.example.com', false],
    ['registry.*.com', 'registry.example.com', true],
    ['registry.*', 'registry.example.com', false],
    ['reg*.example.com', 'registry.example.com', true],
    ['reg*.example.com', 'other.example.com', false],
    ['r?gistry.example.com', 'registry.example.com', true],
    ['r?egistry.example.com', 'registry.example.com', false],
    ['*.example.com/shop', 'registry.example.com', true],
    ['*.example.com/shop/we', 'registry.example.com', false],
    ['*.example.com/*', 'registry.example.com', false],
    ['*.Example.COM', 'registry.example.com', true],
    ['127.0.0.*:5075', '127.0.0.1:5075', true],
    ['127.0.0.*', '127.0.0.1:5075', false],
    ['127.0.0.*:*', '127.0.0.1:5075', false],
    ['127.0.0.*:5075', '127.0.0.1', false],
    ['*', 'registry.example.com', false],
    ['*', 'localhost', true],
    ['a*b*c.example.com', 'aXbbXc.example.com', true],
    ['a*b*c.example.com', 'acb.example.com', false],
  ];
  for (const [key, registry, isFor] of PATTERNS)
    it(`the key ${key} ${isFor ? 'is' : 'is not'} for ${registry}`, async () => {
      const found = await userAt(place(registry, 'shop/web'), config({ [key]: auth('a') }));
      expect(found).to.equal(isFor ? 'a' : undefined);
    });

  it('R09 a key made of stars takes no longer than its length', async () => {
    const worked = processorTime();
    const key = `${'*a'.repeat(20_000)}b.example.com`;
    expect(
      await userAt(place(`${'a'.repeat(60)}.example.com`, 'web'), config({ [key]: auth('a') })),
    ).to.equal(undefined);
    expect(worked()).to.be.lessThan(1_000);
  });

  it('an entry that cannot be read is reported, and the others of its secret are used', async () => {
    const odd = {
      'other.example.com': { auth: 'c2VjcmV0' },
      'third.example.com': 5,
      'registry.example.com': auth('good'),
    };
    const text = JSON.stringify({ auths: odd, credHelpers: { 'h.example': '../x' }, credsStore: 7 });
    const secret = { source: 'Secret acme/odd', text };
    expect(pullSecretLogins([secret]).unreadable.map(({ source }) => source)).to.deep.equal([
      'Secret acme/odd',
    ]);
    expect(await userAt(WEB, secret)).to.equal('good');
    expect(await userAt(OTHER, secret)).to.equal(undefined);
  });

  it('a login without name and password is none, and no fault of its secret', async () => {
    const empty = config({ 'registry.example.com': { auth: 'Og==' } });
    expect(pullSecretLogins([empty]).unreadable).to.deep.equal([]);
    expect(pullSecretLogins([empty]).scopeOf([WEB])).to.equal(undefined);
    expect(await userAt(WEB, empty)).to.equal(undefined);
  });

  it('the login of the installation is used when no entry matches', async () => {
    const brought = pullSecretLogins([config({ 'registry.example.com': auth('host') })]);
    const own = brought.keychainFor([WEB, OTHER], () => Promise.resolve({ kind: 'bearer', token: 'own' }));
    expect((await own(OTHER, forever()))?.kind).to.equal('bearer');
    expect(brought.scopeOf([OTHER])).to.equal(undefined);
  });

  it('scopes are named by the content of logins: equal ones are shared, others never', () => {
    const scope = (name: string, ...places: readonly (typeof WEB)[]) =>
      pullSecretLogins([config({ 'registry.example.com': auth(name) })]).scopeOf(places);
    expect(scope('a', WEB)).to.be.a('string').and.equal(scope('a', WEB));
    expect(scope('a', WEB)).not.to.equal(scope('b', WEB));
    expect(scope('a', WEB)).not.to.equal(scope('a', DB));
    expect(scope('a', WEB, OTHER)).to.equal(scope('a', WEB));
    expect(scope('a', WEB)).not.to.include('secret');
  });

  it('a secret that is no Docker config is reported, and the others are used', async () => {
    const broken = { source: 'Secret acme/broken', text: '{"auths": 1' };
    const good = config({ 'registry.example.com': auth('good') });
    expect(pullSecretLogins([broken, good]).unreadable.map(({ source }) => source)).to.deep.equal([
      'Secret acme/broken',
    ]);
    expect(await userAt(WEB, broken, good)).to.equal('good');
  });
});
