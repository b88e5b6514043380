import { expect } from 'chai';
import { openMirrors } from '../../../../src/clients/registry/index.ts';
import { compileMirrors } from '../../../../src/clients/registry/mirrors/rules.ts';
import { answer, hangUp, refuse } from '../../../support/registry/misbehave.ts';
import { pushImage, pushReferrer } from '../../../support/registry/push.ts';
import { faultOf, patient, tagged } from '../client.ts';
import { bring, expectThere, openRegistries, openRegistry, SIZE } from '../two-registries.ts';
import { paths, reasons, useMirror, type Mirrored, type Written } from './mirror-fixture.ts';

const TYPE = 'application/vnd.acme.flag';

describe('mirrors of registries', () => {
  let at: Mirrored;
  useMirror((made) => {
    at = made;
  });

  it('are not loaded where the settings have none', async () => {
    expect(await openMirrors([], { now: () => new Date() })).to.equal(undefined);
  });

  it('answer for tags and digests, and the registry itself receives no request', async () => {
    const registry = await at.reader();
    const read = await registry.manifest(tagged(at.upstream), patient());
    expect(read?.digest).to.equal(at.image.digest);
    expect((await registry.content(at.pinnedImage, patient()))?.bytes.byteLength).to.equal(at.image.size);
    expect(await registry.tagDigest(tagged(at.upstream), patient())).to.equal(at.image.digest);
    const { layers = [] } = read ?? {};
    const [layer] = layers;
    if (layer) {
      expect(await registry.blob(tagged(at.upstream), layer, layer.size, patient())).to.have.length(
        layer.size,
      );
      expect(await registry.hasBlob(tagged(at.upstream), layer.digest, patient())).to.equal(true);
    }
    expect(layers).to.have.length(1);
    expect(at.upstream.requests).to.deep.equal([]);
    expect(new Set(reasons(at))).to.deep.equal(new Set(['']));
    expect(at.events[0]?.mirror).to.equal(`${at.mirror.host}/hub`);
  });

  it('are asked with the name of the registry that they stand for, as by containerd', async () => {
    await (await at.reader()).manifest(tagged(at.upstream), patient());
    expect(paths(at.mirror)).to.deep.equal([
      `/v2/hub/shop/web/manifests/1.0?ns=${encodeURIComponent(at.upstream.host)}`,
    ]);
  });

  it('are tried in their order, and then the registry itself', async () => {
    const second = await openRegistry();
    const endpoints = [{ location: `${at.mirror.host}/hub` }, { location: second.host }];
    const registry = await at.reader([at.usual({ endpoints })]);
    at.mirror.intercept(refuse('manifests', 404));
    expect((await registry.manifest(at.pinnedImage, patient()))?.digest).to.equal(at.image.digest);
    expect([at.mirror, second, at.upstream].map(({ requests }) => requests.length)).to.deep.equal([1, 1, 1]);
    await pushImage({ registry: second.host, repository: 'shop/web', tag: '1.0' });
    at.upstream.forgetLog();
    expect((await registry.manifest(tagged(at.upstream), patient()))?.digest).to.equal(at.image.digest);
    expect(at.upstream.requests).to.deep.equal([]);
  });

  const LEADING_ON = [401, 403, 404, 410, 418, 429, 500, 502, 503, 504];
  for (const status of LEADING_ON)
    it(`lead on when they answer ${status}`, async () => {
      at.mirror.intercept(refuse('/v2/', status));
      const registry = await at.reader();
      expect((await registry.manifest(tagged(at.upstream), patient()))?.digest).to.equal(at.image.digest);
      expect(await registry.tagDigest(at.pinnedImage, patient())).to.equal(at.image.digest);
    });

  it('report nothing as absent: that the registry itself does, and its failure is unknown', async () => {
    const registry = await at.reader([at.usual({}, true)]);
    const missing = tagged(at.upstream, 'none');
    expect(await registry.manifest(missing, patient())).to.equal(undefined);
    at.upstream.intercept(refuse('manifests', 503));
    const fault = await faultOf(registry.manifest(missing, patient()), 'RegistryUnavailable');
    expect(fault.transient).to.equal(true);
  });

  it('are named in the message when the registry itself fails, too', async () => {
    at.mirror.intercept(refuse('manifests', 403));
    at.upstream.intercept(refuse('manifests', 503));
    const fault = await faultOf(
      (await at.reader()).manifest(tagged(at.upstream), patient()),
      'RegistryUnavailable',
    );
    expect(fault.message).to.include(`mirror ${at.mirror.host}/hub: `).and.include('403');
  });

  it('that are complete answer for listings, and lists of tags stay those of the registry', async () => {
    const subject = at.image;
    await pushReferrer(
      { registry: at.mirror.host, repository: 'hub/shop/web' },
      { subject, artifactType: TYPE },
    );
    const registry = await at.reader([at.usual({}, true)]);
    expect(await registry.referrers(at.pinnedImage, patient())).to.have.length(1);
    expect(at.upstream.requests).to.deep.equal([]);
    at.mirror.intercept(refuse('referrers', 500));
    expect(await registry.referrers(at.pinnedImage, patient())).to.deep.equal([]);
    await registry.tags(tagged(at.upstream), patient());
    expect(paths(at.upstream).some((path) => path.includes('/tags/list'))).to.equal(true);
  });

  it('that have failed are asked after the registry itself when it fails, too', async () => {
    const registry = await at.reader();
    at.mirror.intercept(hangUp('/v2/'));
    await registry.manifest(tagged(at.upstream), patient());
    at.mirror.intercept(undefined);
    at.upstream.intercept(refuse('/v2/', 503));
    expect((await registry.manifest(tagged(at.upstream), patient()))?.digest).to.equal(at.image.digest);
  });

  it('that break off in a blob are left for the registry itself, from where they broke off', async () => {
    const pair = await openRegistries({ size: SIZE });
    const endpoints = [{ location: `${at.mirror.host}/hub` }];
    const source = await at.reader([{ prefix: pair.source.host, endpoints }]);
    at.mirror.intercept(
      answer('blobs', { status: 200, headers: { 'content-length': String(SIZE) }, body: half(pair.bytes) }),
    );
    expect(await bring(pair, { source })).to.equal('copied');
    expect(pair.source.requests.map(({ status }) => status)).to.deep.equal([206]);
    await expectThere(pair);
  });

  it('are not left for the addresses of a foreign layer, which come after the registry itself', async () => {
    const pair = await openRegistries({ size: SIZE });
    const foreign = await openRegistry();
    const endpoints = [{ location: `${at.mirror.host}/hub` }];
    const source = await at.reader([{ prefix: pair.source.host, endpoints }], {
      allowedAddresses: ['127.0.0.1'],
    });
    const blob = { ...pair.blob, urls: [`${foreign.url}/layer`] };
    const bytes = await source.openBlob(tagged(pair.source), blob, 0, patient());
    expect(bytes).to.not.equal(undefined);
    await drained(bytes ?? []);
    expect(at.mirror.requests).to.have.length(1);
    expect(foreign.requests).to.deep.equal([]);
  });

  it('hand out their bytes where a redirect of the registry itself would be passed on', async () => {
    const registry = await at.reader();
    const [layer] = (await registry.manifest(at.pinnedImage, patient()))?.layers ?? [];
    const opened = layer && (await registry.openBlobOrPlace(tagged(at.upstream), layer, 0, patient()));
    expect(opened).to.not.be.instanceOf(URL).and.not.equal(undefined);
    if (opened && !(opened instanceof URL)) await drained(opened);
    expect(at.upstream.requests).to.deep.equal([]);
  });

  it('receive no request of targets, and of what deletes', async () => {
    const registry = await at.reader();
    const view = { scope: 'acme', keychain: () => Promise.resolve(undefined) };
    for (const direct of [registry.as({ ...view, side: 'target' }), registry.as({ ...view, direct: true })])
      expect((await direct.manifest(tagged(at.upstream), patient()))?.digest).to.equal(at.image.digest);
    expect(at.mirror.requests).to.deep.equal([]);
    await registry.as(view).manifest(tagged(at.upstream), patient());
    expect(at.mirror.requests).to.have.length(1);
  });

  describe('where the registry itself is never read', () => {
    const never = (): Written => at.usual({ upstream: 'Never' }, true);

    it('report what is absent when they are complete', async () => {
      const registry = await at.reader([never()]);
      expect(await registry.manifest(tagged(at.upstream, 'none'), patient())).to.equal(undefined);
      expect(await registry.tags(tagged(at.upstream), patient())).to.deep.equal(['1.0']);
      await faultOf(registry.repositories(tagged(at.upstream), patient()), 'RegistryUnavailable');
      expect(at.upstream.requests).to.deep.equal([]);
    });

    it('list referrers under fallback tags when they have no API for them', async () => {
      const registry = await at.reader([never()]);
      at.mirror.intercept(refuse('referrers', 404));
      expect(await registry.referrers(at.pinnedImage, patient())).to.deep.equal([]);
      expect(paths(at.mirror).at(-1)).to.include('/manifests/sha256-');
      expect(at.upstream.requests).to.deep.equal([]);
    });

    it('are asked for each page with the name of the registry that they stand for', async () => {
      const registry = await at.reader([never()]);
      const link = '</v2/hub/shop/web/tags/list?last=1.0&n=1>; rel="next"';
      const page = (tag: string, headers: Record<string, string> = {}) => ({
        status: 200,
        headers,
        body: JSON.stringify({ tags: [tag] }),
      });
      at.mirror.intercept(({ url }) => page('1.0', url.searchParams.has('last') ? {} : { link }));
      at.mirror.forgetLog();
      await registry.tags(tagged(at.upstream), patient());
      const ns = encodeURIComponent(at.upstream.host);
      expect(paths(at.mirror)).to.deep.equal([
        `/v2/hub/shop/web/tags/list?n=1000&ns=${ns}`,
        `/v2/hub/shop/web/tags/list?last=1.0&n=1&ns=${ns}`,
      ]);
    });

    it('leave unknown what a mirror that is not complete lacks', async () => {
      const partial = await openRegistry();
      const endpoints = [{ location: partial.host }, { location: `${at.mirror.host}/hub`, complete: true }];
      const registry = await at.reader([{ prefix: at.upstream.host, endpoints, upstream: 'Never' }]);
      at.mirror.intercept(refuse('manifests', 503));
      await faultOf(registry.manifest(tagged(at.upstream, 'none'), patient()), 'RegistryUnavailable');
      expect(at.upstream.requests).to.deep.equal([]);
    });

    it('are asked although they have failed', async () => {
      const registry = await at.reader([never()]);
      at.mirror.intercept(hangUp('/v2/'));
      await faultOf(registry.manifest(at.pinnedImage, patient()), 'RegistryUnavailable');
      at.mirror.intercept(undefined);
      expect((await registry.manifest(at.pinnedImage, patient()))?.digest).to.equal(at.image.digest);
    });
  });

  describe('of names', () => {
    const covers = async (prefix: string, repository = 'shop/web'): Promise<boolean> => {
      at.mirror.forgetLog();
      const registry = await at.reader([at.usual({ prefix })]);
      await registry.manifest(tagged(at.upstream, '1.0', repository), patient());
      return at.mirror.requests.length > 0;
    };

    it('cover whole parts of a path', async () => {
      expect(await covers(`${at.upstream.host}/shop`)).to.equal(true);
      expect(paths(at.mirror)[0]).to.include('/v2/hub/web/');
      expect(await covers(`${at.upstream.host}/sho`)).to.equal(false);
      expect(await covers(`${at.upstream.host}/shop/web`)).to.equal(false);
      expect(await covers('*')).to.equal(true);
      expect(await covers('*.example.com')).to.equal(false);
      expect(await covers('docker.io')).to.equal(false);
    });

    it('are those of the longest prefix', async () => {
      const other = await openRegistry();
      const registry = await at.reader([
        at.usual({ prefix: '*', endpoints: [{ location: other.host }] }),
        at.usual({ endpoints: [{ location: other.host }] }),
        at.usual({ prefix: `${at.upstream.host}/shop` }),
      ]);
      await registry.manifest(tagged(at.upstream), patient());
      expect([at.mirror, other].map(({ requests }) => requests.length)).to.deep.equal([1, 0]);
    });

    it('count by the name that is read, however a registry is written that has several', () => {
      const rules = compileMirrors([
        { prefix: 'registry-1.docker.io', endpoints: [], upstream: 'Allow' },
        { prefix: 'docker.io/shop', endpoints: [], upstream: 'Never' },
      ]);
      expect(rules.map(({ upstream: isRead }) => isRead)).to.deep.equal([false, true]);
    });

    it('do not lead from a mirror to itself', async () => {
      const registry = await at.reader([at.usual({ prefix: '*' })]);
      await registry.manifest(tagged(at.mirror, '1.0', 'hub/shop/web'), patient());
      expect(paths(at.mirror)).to.deep.equal(['/v2/hub/shop/web/manifests/1.0']);
    });
  });
});

async function* half(bytes: Buffer): AsyncIterable<Uint8Array> {
  yield bytes.subarray(0, bytes.length / 2);
  await Promise.resolve();
  throw new Error('broken');
}

/** Reads bytes to their end. */
async function drained(bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<number> {
  let length = 0;
  for await (const piece of bytes) length += piece.byteLength;
  return length;
}
