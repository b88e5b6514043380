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
  let upstream: Mirrored['upstream'];
  let mirror: Mirrored['mirror'];
  let image: Mirrored['image'];
  let pinnedImage: Mirrored['pinnedImage'];
  let events: Mirrored['events'];
  let usual: Mirrored['usual'];
  let reader: Mirrored['reader'];
  useMirror((made) => {
    at = made;
    ({ upstream, mirror, image, pinnedImage, events, usual, reader } = made);
  });

  it('H15 that send another manifest than the digest names are not believed', async () => {
    const other = await pushImage({ registry: mirror.host, repository: 'hub/shop/other' }, { salt: 'other' });
    mirror.intercept(
      answer('manifests', {
        status: 200,
        headers: { 'content-type': other.mediaType, 'docker-content-digest': image.digest },
        body: JSON.stringify(other.body),
      }),
    );
    const registry = await reader();
    for (const read of [registry.manifest(pinnedImage, patient()), registry.content(pinnedImage, patient())])
      expect(await read).to.not.equal(undefined);
    expect(reasons(at)).to.deep.equal(['RegistryMisbehaved', 'RegistryMisbehaved']);
    const [layer] = (await registry.manifest(pinnedImage, patient()))?.layers ?? [];
    mirror.intercept(answer('blobs', { status: 200, body: 'x'.repeat(layer?.size ?? 0) }));
    if (layer)
      expect(await registry.blob(tagged(upstream), layer, layer.size, patient())).to.not.equal(undefined);
    expect(reasons(at).at(-1)).to.equal('RegistryMisbehaved');
  });

  it('H16 that hide flags and signatures hide nothing: listings and tags of cosign are read at the registry itself', async () => {
    const target = { registry: upstream.host, repository: 'shop/web' };
    await pushReferrer(target, { subject: image, artifactType: TYPE });
    const signed = `${image.digest.replace(':', '-')}.sig`;
    await pushImage({ ...target, tag: signed }, { salt: 'signatures' });
    await pushImage({ registry: mirror.host, repository: 'hub/shop/web', tag: signed }, { salt: 'older' });
    mirror.forgetLog();
    const registry = await reader();
    expect(await registry.referrers(pinnedImage, patient())).to.have.length(1);
    expect(await registry.fallbackReferrers(pinnedImage, patient())).to.deep.equal([]);
    const digest = await registry.tagDigest(tagged(upstream, signed), patient());
    expect((await registry.manifest(tagged(upstream, signed), patient()))?.digest).to.equal(digest);
    expect(await registry.tags(tagged(upstream), patient())).to.deep.equal(['1.0', signed]);
    expect(mirror.requests).to.deep.equal([]);
    upstream.intercept(refuse('referrers', 503));
    await faultOf(registry.referrers(pinnedImage, patient()), 'RegistryUnavailable');
  });

  it('H16 that count as complete and have no listing of referrers hide none: the registry itself is asked', async () => {
    await pushReferrer(
      { registry: upstream.host, repository: 'shop/web' },
      { subject: image, artifactType: TYPE },
    );
    const registry = await reader([usual({}, true)]);
    for (const status of [404, 405, 400, 303]) {
      mirror.intercept(refuse('referrers', status));
      expect(await registry.referrers(pinnedImage, patient())).to.have.length(1);
    }
    expect(new Set(reasons(at))).to.deep.equal(new Set(['RegistryMisbehaved']));
    upstream.intercept(refuse('referrers', 503));
    await faultOf(registry.referrers(pinnedImage, patient()), 'RegistryUnavailable');
  });

  it('H17 that redirect to the metadata service lead nowhere', async () => {
    mirror.intercept(redirect('/v2/', () => 'http://169.254.169.254/latest/meta-data'));
    const registry = await reader();
    expect((await registry.manifest(tagged(upstream), patient()))?.digest).to.equal(image.digest);
    expect(reasons(at)).to.deep.equal(['UntrustedEndpoint']);
  });

  it('H17 at addresses that the settings refuse receive no request', async () => {
    const registry = await reader([usual()], { loopback: 'Refuse' });
    const fault = await faultOf(registry.manifest(tagged(upstream), patient()), 'AddressRefused');
    expect(fault.message).to.include(mirror.host);
    expect(reasons(at)).to.deep.equal(['AddressRefused']);
    expect(mirror.requests).to.deep.equal([]);
  });

  it('H18 receive the login for their own host, and never that of the registry', async () => {
    const closed = await openRegistry({ auth: { kind: 'basic', username: 'acme', password: 'upstream' } });
    const asked: string[] = [];
    const sent: (string | undefined)[] = [];
    mirror.intercept(({ headers }) => {
      sent.push(headers.authorization);
      return { status: 401, headers: { 'www-authenticate': 'Basic realm="mirror"' } };
    });
    const endpoints = [{ location: `${mirror.host}/hub` }];
    const registry = await reader([{ prefix: closed.host, endpoints }], {
      keychain: ({ registry: host, repository }) => {
        asked.push(`${host}/${repository}`);
        const password = host === mirror.host ? 'mirror' : 'upstream';
        return Promise.resolve({ kind: 'password', username: 'acme', password });
      },
    });
    expect(await registry.manifest(tagged(closed), patient())).to.equal(undefined);
    const own = `Basic ${Buffer.from('acme:mirror').toString('base64')}`;
    expect(new Set(sent)).to.deep.equal(new Set([undefined, own]));
    expect(asked).to.include(`${mirror.host}/hub/shop/web`).and.include(`${closed.host}/shop/web`);
  });

  it('H19 that are silent leave most of the deadline, and are asked last for a while', async function () {
    this.timeout(10_000);
    mirror.intercept(silence('/v2/'));
    const registry = await reader();
    const since = performance.now();
    const deadline = AbortSignal.timeout(4_000);
    expect((await registry.manifest(tagged(upstream), deadline))?.digest).to.equal(image.digest);
    expect(performance.now() - since).to.be.lessThan(3_000);
    expect(reasons(at)).to.deep.equal(['RegistryUnavailable']);
    await registry.manifest(pinnedImage, patient());
    expect(events).to.have.length(1);
    at.now += 15_001;
    mirror.intercept(undefined);
    upstream.forgetLog();
    await registry.manifest(pinnedImage, patient());
    expect(upstream.requests).to.deep.equal([]);
  });

  it('H20 that fail for one namespace are asked for others as before', async () => {
    const registry = await reader();
    const of = (namespace: string) => registry.inTurn(turnOf({ namespace }));
    mirror.intercept(hangUp('shop/broken'));
    await of('acme').manifest(tagged(upstream, '1.0', 'shop/broken'), patient());
    mirror.forgetLog();
    await of('acme').manifest(tagged(upstream), patient());
    expect(mirror.requests).to.deep.equal([]);
    await of('shop').manifest(tagged(upstream), patient());
    expect(mirror.requests).to.have.length(1);
  });

  it('H15 that send wrong bytes of a large blob fail the transfer once, and the next try reads elsewhere', async () => {
    const pair = await openRegistries({ size: SIZE });
    const endpoints = [{ location: `${mirror.host}/hub` }];
    const source = await reader([{ prefix: pair.source.host, endpoints }]);
    mirror.intercept(answer('blobs', { status: 200, body: Buffer.alloc(SIZE) }));
    const fault = await faultOf(bring(pair, { source }), 'RegistryMisbehaved');
    expect(fault.transient).to.equal(true);
    expect(events.at(-1)).to.include({ mirror: `${mirror.host}/hub`, reason: 'RegistryMisbehaved' });
    expect(await bring(pair, { source })).to.equal('copied');
    await expectThere(pair);
  });

  it('H15 that lie about a blob as the registry itself does fail it for good', async () => {
    const pair = await openRegistries({ size: SIZE });
    const endpoints = [{ location: `${mirror.host}/hub` }];
    const source = await reader([{ prefix: pair.source.host, endpoints }]);
    for (const one of [mirror, pair.source])
      one.intercept(answer('blobs', { status: 200, body: Buffer.alloc(SIZE) }));
    expect((await faultOf(bring(pair, { source }), 'RegistryMisbehaved')).transient).to.equal(true);
    expect((await faultOf(bring(pair, { source }), 'RegistryMisbehaved')).transient).to.equal(false);
  });
});
