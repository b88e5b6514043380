import { expect } from 'chai';
import { parseDigest, type Digest, type ReasonCode } from '../../../../src/core/model/index.ts';
import type { RegistryLogin } from '../../../../src/core/evidence/index.ts';
import type { EmbeddedRegistry, Reply } from '../../../support/registry/index.ts';
import { always, client, faultOf, patient } from '../client.ts';
import { closeAfterEach, openRegistry } from '../two-registries.ts';

const TOKEN: RegistryLogin = { kind: 'password', username: 'robot', password: 'ghp_secret' };
const digestOf = (letter: string): Digest => parseDigest(`sha256:${letter.repeat(64)}`) ?? 'sha256:';

interface Version {
  readonly id: number;
  readonly name: string;
  tags: readonly string[];
}

const json = (value: unknown, status = 200): Reply => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(value),
});
const written = ({ id, name, tags }: Version) => ({
  id,
  name,
  metadata: { package_type: 'container', container: { tags } },
});

describe('deleting in a registry of GitHub', () => {
  closeAfterEach();
  let registry: EmbeddedRegistry;
  let api: EmbeddedRegistry;
  let versions: Version[];
  let seen: { readonly what: string; readonly authorization: unknown; readonly host: unknown }[];
  let owner: 'orgs' | 'users';
  /** Answers in place of the stand-in. */
  let odd: ((what: string) => Reply | undefined) | undefined;

  beforeEach(async () => {
    [registry, api] = [await openRegistry(), await openRegistry()];
    [versions, seen, owner, odd] = [[], [], 'orgs', undefined];
    api.intercept(({ method, url, headers }) => {
      const what = `${method} ${url.pathname}${url.search}`;
      seen.push({ what, authorization: headers.authorization, host: headers.host });
      const answer = odd?.(what);
      if (answer) return answer;
      const base = `/${owner}/acme/packages/container/shop%2Fweb/versions`;
      if (!url.pathname.startsWith(base)) return json({ message: 'Not Found' }, 404);
      if (url.pathname === base) {
        const from = (Number(url.searchParams.get('page')) - 1) * 100;
        return json(versions.slice(from, from + 100).map(written));
      }
      const id = Number(url.pathname.slice(base.length + 1));
      const one = versions.find((version) => version.id === id);
      if (!one) return json({ message: 'Not Found' }, 404);
      if (method === 'GET') return json(written(one));
      versions = versions.filter((version) => version !== one);
      return { status: 204, headers: {}, body: '' };
    });
  });

  const remove = (letter: string, login: RegistryLogin | undefined = TOKEN) => {
    const githubPackages = [{ registry: registry.host, api: `http://${api.host}` }];
    const image = { registry: registry.host, repository: 'acme/shop/web', digest: digestOf(letter) };
    return client({ keychain: always(login), githubPackages }).deleteManifest(image, patient());
  };
  const add = (id: number, letter: string, ...tags: readonly string[]) => {
    versions.push({ id, name: digestOf(letter), tags });
  };

  for (const kind of ['orgs', 'users'] as const)
    it(`P28 is asked of the API for packages (${kind}), with the token of the registry, which gets no request`, async () => {
      owner = kind;
      add(1, 'a', '1.0');
      add(2, 'b');
      expect([await remove('a'), await remove('b'), await remove('c')]).to.deep.equal([
        'deleted',
        'deleted',
        'absent',
      ]);
      expect(versions).to.deep.equal([]);
      expect(registry.requests).to.deep.equal([]);
      expect(new Set(seen.map(({ authorization }) => authorization))).to.deep.equal(
        new Set(['Bearer ghp_secret']),
      );
      expect(new Set(seen.map(({ host }) => host))).to.deep.equal(new Set([api.host]));
    });

  it('P28 finds a version on a later page', async () => {
    for (let id = 1; id <= 205; id += 1)
      versions.push({ id, name: `sha256:${String(id).padStart(64, '0')}`, tags: [] });
    add(206, 'a', '1.0');
    expect(await remove('a')).to.equal('deleted');
    expect(seen.filter(({ what }) => what.includes('page=')).length).to.equal(3);
  });

  it('P28 leaves a version that several tags point to, also where the second one came after the list', async () => {
    add(1, 'a', '1.0', 'latest');
    expect(await remove('a')).to.equal('refused');
    add(2, 'b', '1.1');
    odd = (what) => {
      if (what === 'GET /orgs/acme/packages/container/shop%2Fweb/versions/2')
        return json(written({ id: 2, name: digestOf('b'), tags: ['1.1', 'stable'] }));
      return undefined;
    };
    expect(await remove('b')).to.equal('refused');
    expect(versions).to.have.length(2);
    expect(seen.filter(({ what }) => what.startsWith('DELETE'))).to.deep.equal([]);
  });

  it('P28 leaves what the API does not delete', async () => {
    add(1, 'a', '1.0');
    odd = (what) =>
      what.startsWith('DELETE')
        ? json({ message: 'You cannot delete the last tagged version' }, 400)
        : undefined;
    expect(await remove('a')).to.equal('refused');
  });

  it('P28 follows no redirect, and gives the token to no other place', async () => {
    add(1, 'a');
    const other = await openRegistry();
    odd = () => ({ status: 301, headers: { location: `http://${other.host}/orgs/new` }, body: '' });
    await faultOf(remove('a'), 'RegistryMisbehaved');
    expect(other.requests).to.deep.equal([]);
  });

  const broken: readonly (readonly [string, Reply, ReasonCode])[] = [
    ['401', json({}, 401), 'RegistryDenied'],
    ['403', json({}, 403), 'RegistryDenied'],
    ['404 for every owner', json({}, 404), 'RegistryDenied'],
    ['429', json({}, 429), 'RegistryRateLimited'],
    ['502', json({}, 502), 'RegistryUnavailable'],
    ['another body', json({ message: 'hello' }), 'RegistryMisbehaved'],
    ['no JSON', { status: 200, headers: {}, body: '<html>' }, 'RegistryMisbehaved'],
    ['another version', json([{ id: 1, name: digestOf('a') }]), 'RegistryMisbehaved'],
  ];
  for (const [what, reply, code] of broken)
    it(`P28 is unknown where the API answers ${what}`, async () => {
      odd = () => reply;
      await faultOf(remove('a'), code);
    });

  for (const login of [undefined, { kind: 'identity', token: 'refresh' }] as const)
    it(`P28 sends nothing without a token (${login?.kind ?? 'no login'})`, async () => {
      const githubPackages = [{ registry: registry.host, api: `http://${api.host}` }];
      const image = { registry: registry.host, repository: 'acme/shop/web', digest: digestOf('a') };
      const one = client({ keychain: always(login), githubPackages });
      await faultOf(one.deleteManifest(image, patient()), 'RegistryDenied');
      expect(seen).to.deep.equal([]);
    });

  it('P28 is asked of no other registry', async () => {
    const githubPackages = [{ registry: 'ghcr.example.com', api: `http://${api.host}` }];
    const one = client({ keychain: always(TOKEN), githubPackages });
    const image = { registry: registry.host, repository: 'acme/shop/web', digest: digestOf('a') };
    expect(await one.deleteManifest(image, patient())).to.equal('absent');
    expect(seen).to.deep.equal([]);
  });
});
