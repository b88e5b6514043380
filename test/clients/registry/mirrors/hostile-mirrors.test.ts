import { expect } from 'chai';
import { turnOf } from '../../../../src/core/model/index.ts';
import { answer, hangUp, redirect, refuse, silence } from '../../../support/registry/misbehave.ts';
import { pushImage, pushReferrer } from '../../../support/registry/push.ts';
import { faultOf, patient, tagged } from '../client.ts';
import { bring, expectThere, openRegistries, openRegistry, SIZE } from '../two-registries.ts';
import { reasons, useMirror, type Mirrored } from './mirror-fixture.ts';

const TYPE = 'application/vnd.acme.flag';

describe('mirrors of registries that do harm', () => {
  let at: Mirrored;
  useMirror((made) => {
    at = made;
  });

  it('H15 that send another manifest than the digest names are not believed', async () => {
    const other = await pushImage(
      { registry: at.mirror.host, repository: 'hub/shop/other' },
      { salt: 'other' },
    );
    at.mirror.intercept(
      answer('manifests', {
        status: 200,
        headers: { 'content-type': other.mediaType, 'docker-content-digest': at.image.digest },
        body: JSON.stringify(other.body),
      }),
    );
    const registry = await at.reader();
    for (const read of [
      registry.manifest(at.pinnedImage, patient()),
      registry.content(at.pinnedImage, patient()),
    ])
      expect(await read).to.not.equal(undefined);
    expect(reasons(at)).to.deep.equal(['RegistryMisbehaved', 'RegistryMisbehaved']);
    const [layer] = (await registry.manifest(at.pinnedImage, patient()))?.layers ?? [];
    at.mirror.intercept(answer('blobs', { status: 200, body: 'x'.repeat(layer?.size ?? 0) }));
    if (layer)
      expect(await registry.blob(tagged(at.upstream), layer, layer.size, patient())).to.not.equal(undefined);
    expect(reasons(at).at(-1)).to.equal('RegistryMisbehaved');
  });

  it('H16 that hide flags and signatures hide nothing: listings and tags of cosign are read at the registry itself', async () => {
    const target = { registry: at.upstream.host, repository: 'shop/web' };
    await pushReferrer(target, { subject: at.image, artifactType: TYPE });
    const signed = `${at.image.digest.replace(':', '-')}.sig`;
    await pushImage({ ...target, tag: signed }, { salt: 'signatures' });
    await pushImage({ registry: at.mirror.host, repository: 'hub/shop/web', tag: signed }, { salt: 'older' });
    at.mirror.forgetLog();
    const registry = await at.reader();
    expect(await registry.referrers(at.pinnedImage, patient())).to.have.length(1);
    expect(await registry.fallbackReferrers(at.pinnedImage, patient())).to.deep.equal([]);
    const digest = await registry.tagDigest(tagged(at.upstream, signed), patient());
    expect((await registry.manifest(tagged(at.upstream, signed), patient()))?.digest).to.equal(digest);
    expect(await registry.tags(tagged(at.upstream), patient())).to.deep.equal(['1.0', signed]);
    expect(at.mirror.requests).to.deep.equal([]);
    at.upstream.intercept(refuse('referrers', 503));
    await faultOf(registry.referrers(at.pinnedImage, patient()), 'RegistryUnavailable');
  });

  it('H16 that count as complete and have no listing of referrers hide none: the registry itself is asked', async () => {
    await pushReferrer(
      { registry: at.upstream.host, repository: 'shop/web' },
      { subject: at.image, artifactType: TYPE },
    );
    const registry = await at.reader([at.usual({}, true)]);
    for (const status of [404, 405, 400, 303]) {
      at.mirror.intercept(refuse('referrers', status));
      expect(await registry.referrers(at.pinnedImage, patient())).to.have.length(1);
    }
    expect(new Set(reasons(at))).to.deep.equal(new Set(['RegistryMisbehaved']));
    at.upstream.intercept(refuse('referrers', 503));
    await faultOf(registry.referrers(at.pinnedImage, patient()), 'RegistryUnavailable');
  });

  it('H17 that redirect to the metadata service lead nowhere', async () => {
    at.mirror.intercept(redirect('/v2/', () => 'http://169.254.169.254/latest/meta-data'));
    const registry = await at.reader();
    expect((await registry.manifest(tagged(at.upstream), patient()))?.digest).to.equal(at.image.digest);
    expect(reasons(at)).to.deep.equal(['UntrustedEndpoint']);
  });

  it('H17 at addresses that the settings refuse receive no request', async () => {
    const registry = await at.reader([at.usual()], { loopback: 'Refuse' });
    const fault = await faultOf(registry.manifest(tagged(at.upstream), patient()), 'AddressRefused');
    expect(fault.message).to.include(at.mirror.host);
    expect(reasons(at)).to.deep.equal(['AddressRefused']);
    expect(at.mirror.requests).to.deep.equal([]);
  });

  it('H18 receive the login for their own host, and never that of the registry', async () => {
    const closed = await openRegistry({ auth: { kind: 'basic', username: 'acme', password: 'upstream' } });
    const asked: string[] = [];
    const sent: (string | undefined)[] = [];
    at.mirror.intercept(({ headers }) => {
      sent.push(headers.authorization);
      return { status: 401, headers: { 'www-authenticate': 'Basic realm="mirror"' } };
    });
    const endpoints = [{ location: `${at.mirror.host}/hub` }];
    const registry = await at.reader([{ prefix: closed.host, endpoints }], {
      keychain: ({ registry: host, repository }) => {
        asked.push(`${host}/${repository}`);
        const password = host === at.mirror.host ? 'mirror' : 'upstream';
        return Promise.resolve({ kind: 'password', username: 'acme', password });
      },
    });
    expect(await registry.manifest(tagged(closed), patient())).to.equal(undefined);
    const own = `Basic ${Buffer.from('acme:mirror').toString('base64')}`;
    expect(new Set(sent)).to.deep.equal(new Set([undefined, own]));
    expect(asked).to.include(`${at.mirror.host}/hub/shop/web`).and.include(`${closed.host}/shop/web`);
  });

  it('H19 that are silent leave most of the deadline, and are asked last for a while', async function () {
    this.timeout(10_000);
    at.mirror.intercept(silence('/v2/'));
    const registry = await at.reader();
    const since = performance.now();
    const deadline = AbortSignal.timeout(4_000);
    expect((await registry.manifest(tagged(at.upstream), deadline))?.digest).to.equal(at.image.digest);
    expect(performance.now() - since).to.be.lessThan(3_000);
    expect(reasons(at)).to.deep.equal(['RegistryUnavailable']);
    await registry.manifest(at.pinnedImage, patient());
    expect(at.events).to.have.length(1);
    at.now += 15_001;
    at.mirror.intercept(undefined);
    at.upstream.forgetLog();
    await registry.manifest(at.pinnedImage, patient());
    expect(at.upstream.requests).to.deep.equal([]);
  });

  it('H20 that fail for one namespace are asked for others as before', async () => {
    const registry = await at.reader();
    const of = (namespace: string) => registry.inTurn(turnOf({ namespace }));
    at.mirror.intercept(hangUp('shop/broken'));
    await of('acme').manifest(tagged(at.upstream, '1.0', 'shop/broken'), patient());
    at.mirror.forgetLog();
    await of('acme').manifest(tagged(at.upstream), patient());
    expect(at.mirror.requests).to.deep.equal([]);
    await of('shop').manifest(tagged(at.upstream), patient());
    expect(at.mirror.requests).to.have.length(1);
  });

  it('H15 that send wrong bytes of a large blob fail the transfer once, and the next try reads elsewhere', async () => {
    const pair = await openRegistries({ size: SIZE });
    const endpoints = [{ location: `${at.mirror.host}/hub` }];
    const source = await at.reader([{ prefix: pair.source.host, endpoints }]);
    at.mirror.intercept(answer('blobs', { status: 200, body: Buffer.alloc(SIZE) }));
    const fault = await faultOf(bring(pair, { source }), 'RegistryMisbehaved');
    expect(fault.transient).to.equal(true);
    expect(at.events.at(-1)).to.include({ mirror: `${at.mirror.host}/hub`, reason: 'RegistryMisbehaved' });
    expect(await bring(pair, { source })).to.equal('copied');
    await expectThere(pair);
  });

  it('H15 that lie about a blob as the registry itself does fail it for good', async () => {
    const pair = await openRegistries({ size: SIZE });
    const endpoints = [{ location: `${at.mirror.host}/hub` }];
    const source = await at.reader([{ prefix: pair.source.host, endpoints }]);
    for (const one of [at.mirror, pair.source])
      one.intercept(answer('blobs', { status: 200, body: Buffer.alloc(SIZE) }));
    expect((await faultOf(bring(pair, { source }), 'RegistryMisbehaved')).transient).to.equal(true);
    expect((await faultOf(bring(pair, { source }), 'RegistryMisbehaved')).transient).to.equal(false);
  });
});
