import { expect } from 'chai';
import { anonymous, createRegistry, pullSecretLogins } from '../../../src/clients/registry/index.ts';
import type { Keychain } from '../../../src/core/evidence/index.ts';
import { accessFor, type AccessParts } from '../../../src/core/evidence/access.ts';
import { NOW } from '../../support/policies.ts';
import { startRegistry } from '../../support/registry/index.ts';
import { createRegistryTwin } from '../../support/twins/registry.ts';
import { forever } from '../../support/verification.ts';

type PullSecrets = Awaited<ReturnType<AccessParts['read']>>;

const IMAGE = { registry: 'registry.example.com', repository: 'shop/web' };
const SIGNATURES = { registry: 'registry.example.com', repository: 'signatures' };
const CREDENTIALS = { namespace: 'shop', pullSecrets: ['pull'], serviceAccount: 'web' };

const secret = (host: string, name = 'pull') => ({
  source: `Secret shop/${name}`,
  text: JSON.stringify({ auths: { [host]: { username: name, password: 'hidden' } } }),
});
const missing = { source: 'Secret shop/gone', detail: 'there is no such Secret', transient: true };

function accessWith({ configs = [], unreadable = [] }: Partial<PullSecrets>, own: Keychain = anonymous) {
  const asked: unknown[] = [];
  const scopes: string[] = [];
  const twin = createRegistryTwin();
  const registry: AccessParts['registry'] = {
    as: ({ scope }) => {
      scopes.push(scope);
      return twin;
    },
  };
  const access = accessFor(
    CREDENTIALS,
    {
      registry,
      own,
      loginsIn: pullSecretLogins,
      clock: () => NOW,
      read: (question) => {
        asked.push(question);
        return Promise.resolve({ configs, unreadable });
      },
    },
    forever(),
  );
  return { access, asked, scopes };
}

/** Opens logins with a real registry client, as two pods of two namespaces do. */
async function accessTo(client: AccessParts['registry'], configs: PullSecrets['configs']) {
  const read = () => Promise.resolve({ configs, unreadable: [] });
  const parts = { registry: client, own: anonymous, loginsIn: pullSecretLogins, clock: () => NOW, read };
  return accessFor(CREDENTIALS, parts, forever());
}

describe('the logins of an object', () => {
  it('K17 are not used for another object that has only some of them, also where both share a robot account', async () => {
    const images = await startRegistry({ auth: { kind: 'basic', username: 'robot', password: 'hidden' } });
    const theirs = await startRegistry({ auth: { kind: 'basic', username: 'a', password: 'hidden' } });
    const client = createRegistry({ keychain: anonymous, now: () => NOW });
    try {
      const image = { registry: images.host, repository: 'shop/web' };
      const signatures = { registry: theirs.host, repository: 'signatures' };
      const a = await accessTo(client, [secret(images.host, 'robot'), secret(theirs.host, 'a')]);
      const b = await accessTo(client, [secret(images.host, 'robot')]);
      const [pinning, judging] = [await a([image]), await b([image, signatures])];
      const scopeOf = (fact: typeof pinning) => fact.state === 'found' && fact.value.scope;
      expect(scopeOf(judging)).to.be.a('string').and.equal(scopeOf(pinning));
      const tags = judging.state === 'found' ? judging.value.registry.tags(signatures, forever()) : undefined;
      const error: unknown = await tags?.catch((thrown: unknown) => thrown);
      expect(error).to.include({ code: 'RegistryDenied' });
      expect(theirs.requests.some(({ authorized }) => authorized)).to.equal(false);
    } finally {
      await Promise.all([client.close(), images.close(), theirs.close()]);
    }
  });

  it('are those of its pull secrets, in a separate scope', async () => {
    const { access, asked, scopes } = accessWith({ configs: [secret('registry.example.com')] });
    const fact = await access([IMAGE]);
    expect(fact.state).to.equal('found');
    expect(scopes).to.have.lengthOf(1);
    expect(asked).to.deep.equal([{ namespace: 'shop', names: ['pull'], serviceAccount: 'web' }]);
  });

  it('are read once per request, however many images it has', async () => {
    const { access, asked } = accessWith({ configs: [secret('registry.example.com')] });
    await Promise.all([access([IMAGE]), access([SIGNATURES]), access([IMAGE, SIGNATURES])]);
    expect(asked).to.have.lengthOf(1);
  });

  it('are those of the installation when no pull secret matches', async () => {
    const { access } = accessWith({ configs: [secret('other.example.com')] });
    expect((await access([IMAGE])).state).to.equal('absent');
  });

  it('are none when a named pull secret cannot be read, and its name is known', async () => {
    const { access } = accessWith({ unreadable: [missing] });
    const { state, unread } = await access([IMAGE]);
    expect(state).to.equal('absent');
    expect(unread).to.deep.include({ isOnly: true });
    expect(unread?.why).to.deep.include({ state: 'unknown', transient: true });
    expect(unread?.why.reason.code).to.equal('PullSecretUnreadable');
    expect(unread?.why.reason.detail).to.include('Secret shop/gone');
  });

  it('are none when a pull secret holds no Docker config, which is not repeated', async () => {
    const { access } = accessWith({ configs: [{ source: 'Secret shop/odd', text: '{{' }] });
    const { unread } = await access([IMAGE]);
    expect(unread?.why.reason.detail).to.include('Secret shop/odd');
    expect(JSON.stringify(unread)).not.to.include('{{');
  });

  it('are the good entries of a secret that is broken in part, which is named without its keys', async () => {
    const auths = { 'registry.example.com': { auth: btoa('a:b') }, 'https://user:hidden@x.example': 1 };
    const { access } = accessWith({
      configs: [{ source: 'Secret shop/part', text: JSON.stringify({ auths }) }],
    });
    const { state, unread } = await access([IMAGE]);
    expect(state).to.equal('found');
    expect(unread?.isOnly).to.equal(false);
    expect(unread?.why.reason.detail).to.equal('Secret shop/part: 1 of its 2 entries cannot be read');
  });

  it('are not affected by an unreadable pull secret when another one matches', async () => {
    const { access } = accessWith({ configs: [secret('registry.example.com')], unreadable: [missing] });
    expect(await access([IMAGE]))
      .to.deep.include({ state: 'found' })
      .and.to.have.nested.property('unread.isOnly', false);
  });

  it('are not affected by an unreadable pull secret when the controller has a login', async () => {
    const own: Keychain = () => Promise.resolve({ kind: 'bearer', token: 'own' });
    const { access } = accessWith({ unreadable: [missing] }, own);
    expect((await access([IMAGE])).state).to.equal('absent');
  });

  it('are not affected by an unreadable pull secret when those of the controller cannot be read either', async () => {
    const { access } = accessWith({ unreadable: [missing] }, () => Promise.reject(new Error('broken')));
    expect(await access([IMAGE])).to.deep.include({ state: 'absent' });
  });
});
