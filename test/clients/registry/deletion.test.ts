import { expect } from 'chai';
import { refuse } from '../../support/registry/misbehave.ts';
import { pushTag } from '../../support/registry/push.ts';
import { client, closeClients, faultOf, patient, pinned, tagged } from './client.ts';
import { closeRegistries, start, target } from './registry-fixture.ts';

describe('deleting', () => {
  afterEach(async () => {
    await closeClients();
    await closeRegistries();
  });

  it('deletes a manifest and all its tags, and reports when it did not exist', async () => {
    const { registry, image } = await start();
    await pushTag(target(registry), '1.1', image);
    const one = client();
    expect(await one.deleteManifest(pinned(registry, image.digest), patient())).to.equal('deleted');
    expect(await one.tags(tagged(registry), patient())).to.deep.equal([]);
    expect(await one.deleteManifest(pinned(registry, image.digest), patient())).to.equal('absent');
  });

  it('deletes one tag and keeps the manifest with its other tags', async () => {
    const { registry, image } = await start();
    await pushTag(target(registry), '1.1', image);
    const one = client();
    expect(await one.deleteTag(tagged(registry, '1.1'), patient())).to.equal('deleted');
    expect(await one.tags(tagged(registry), patient())).to.deep.equal(['1.0']);
    expect(await one.tagDigest(tagged(registry), patient())).to.equal(image.digest);
    expect(await one.deleteTag(tagged(registry, '1.1'), patient())).to.equal('absent');
  });

  it('uses the tag even when the reference has a digest too', async () => {
    const { registry, image } = await start();
    await pushTag(target(registry), '1.1', image);
    const both = { ...pinned(registry, image.digest), tag: '1.1' };
    expect(await client().deleteTag(both, patient())).to.equal('deleted');
    expect(await client().tags(both, patient())).to.deep.equal(['1.0']);
  });

  it('never deletes the manifest when tags cannot be deleted', async () => {
    const { registry, image } = await start({ tagDelete: false });
    registry.forgetLog();
    expect(await client().deleteTag(tagged(registry), patient())).to.equal('refused');
    expect(registry.requests.map(({ method, path }) => `${method} ${path}`)).to.deep.equal([
      'DELETE /v2/shop/web/manifests/1.0',
    ]);
    expect(await client().tagDigest(tagged(registry), patient())).to.equal(image.digest);
  });

  for (const status of [400, 405, 501]) {
    it(`is refused when the registry answers ${String(status)}`, async () => {
      const { registry, image } = await start();
      registry.intercept(refuse('/manifests/', status));
      expect(await client().deleteManifest(pinned(registry, image.digest), patient())).to.equal('refused');
      expect(await client().deleteTag(tagged(registry), patient())).to.equal('refused');
    });
  }

  for (const [status, code] of [
    [401, 'RegistryDenied'],
    [403, 'RegistryDenied'],
    [409, 'RegistryDenied'],
    [429, 'RegistryRateLimited'],
    [500, 'RegistryUnavailable'],
  ] as const) {
    it(`is ${code} of the target on ${String(status)}`, async () => {
      const { registry } = await start();
      registry.intercept(refuse('/manifests/', status));
      expect((await faultOf(client().deleteTag(tagged(registry), patient()), code)).side).to.equal('target');
    });
  }

  it('requests a token with the delete action', async () => {
    const { registry } = await start();
    const scopes: string[] = [];
    registry.intercept(({ url, method, headers }) => {
      if (url.pathname === '/token') {
        scopes.push(...url.searchParams.getAll('scope'));
        return { status: 200, body: '{"token":"t"}' };
      }
      if (headers.authorization === 'Bearer t') return undefined;
      const challenge = `Bearer realm="${registry.url}/token"`;
      return { status: 401, headers: { 'www-authenticate': challenge }, body: method };
    });
    expect(await client().deleteTag(tagged(registry), patient())).to.equal('deleted');
    expect(scopes).to.deep.equal(['repository:shop/web:delete']);
  });
});
