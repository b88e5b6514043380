import { expect } from 'chai';
import { anonymous, pullSecretLogins } from '../../../../src/clients/registry/index.ts';
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
    expect(pullSecretLogins([broken, good]).unreadable).to.deep.equal(['Secret acme/broken']);
    expect(await userAt(WEB, broken, good)).to.equal('good');
  });
});
