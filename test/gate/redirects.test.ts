import { expect } from 'chai';
import { redirect } from '../support/registry/misbehave.ts';
import { pushImage } from '../support/registry/push.ts';
import { startRegistry, type EmbeddedRegistry } from '../support/registry/index.ts';
import { blobsOf, useGates } from './bench.ts';
import { startGate, type RunningGate } from './running-gate.ts';

describe('redirects of an upstream', () => {
  const bench = useGates();
  let storage: EmbeddedRegistry;
  let gate: RunningGate;
  /** Of these the registry says that they lie elsewhere. */
  let layers: readonly string[] = [];
  beforeEach(async () => {
    storage = await startRegistry({ address: '127.0.0.2' });
  });
  afterEach(async () => {
    await gate.close();
    await storage.close();
  });

  const start = async (allowedAddresses: readonly string[], redirects = 'Pass', where = storage.url) => {
    gate = await startGate({ upstreams: [{ match: ['**'] }], redirects }, [bench.signed()], {
      registries: { allowedAddresses },
    });
    bench.registry.intercept(
      redirect(
        ({ url }) => layers.some((one) => url.pathname.endsWith(one)),
        ({ url }) => `${where}${url.pathname}?signature=s3cret`,
      ),
    );
  };
  const ask = (path: string, init: RequestInit = {}) =>
    gate.get(`${bench.registry.host}/${path}`, { redirect: 'manual', ...init });
  /** The same image in the storage, and one that is not signed. */
  const push = async () => {
    const image = await bench.pushSigned('shop/web', '1.0');
    await pushImage(
      { registry: storage.host, repository: 'shop/web' },
      { salt: '1.0', layers: ['layer of 1.0'] },
    );
    const layer = blobsOf(image)[1]!;
    layers = [layer];
    return { layer, bad: await pushImage(bench.place('shop/web', 'bad'), { layers: ['bad'] }) };
  };

  it('G50 are passed on to callers who may have the blob, and to no other', async () => {
    const { layer, bad } = await push();
    await start(['127.0.0.2']);
    expect((await ask('shop/web/manifests/1.0')).status).to.equal(200);
    const answer = await ask(`shop/web/blobs/${layer}`);
    expect(answer.status).to.equal(307);
    expect(answer.headers.get('location')).to.equal(
      `${storage.url}/v2/shop/web/blobs/${layer}?signature=s3cret`,
    );
    expect(answer.headers.get('cache-control')).to.equal('no-store');
    expect(await (await fetch(answer.headers.get('location') ?? '')).text()).to.equal('layer of 1.0');
    const head = await ask(`shop/web/blobs/${layer}`, { method: 'HEAD' });
    expect([head.status, head.headers.get('location')]).to.deep.equal([200, null]);
    const refused = await ask(`shop/web/blobs/${blobsOf(bad)[1]!}`);
    expect([refused.status, refused.headers.get('location')]).to.deep.equal([403, null]);
    // The address is a permission: it is in no log.
    expect(JSON.stringify(gate.log)).not.to.contain('s3cret');
  });

  it('G50 are followed by default', async () => {
    const { layer } = await push();
    await start(['127.0.0.2'], 'Follow');
    expect((await ask('shop/web/manifests/1.0')).status).to.equal(200);
    const answer = await ask(`shop/web/blobs/${layer}`);
    expect([answer.status, await answer.text()]).to.deep.equal([200, 'layer of 1.0']);
  });

  it('G51 are not passed on to a place that is not for all, which the gate reads itself', async () => {
    const { layer } = await push();
    // The registry is at 127.0.0.1: it may send the gate to other loopback addresses, and no client.
    await start([]);
    expect((await ask('shop/web/manifests/1.0')).status).to.equal(200);
    const answer = await ask(`shop/web/blobs/${layer}`);
    expect([answer.status, await answer.text()]).to.deep.equal([200, 'layer of 1.0']);
    expect(answer.headers.get('location')).to.equal(null);
  });

  it('G51 are not passed on within the registry, where a client has no login', async () => {
    const { layer } = await push();
    await start(['127.0.0.1', '127.0.0.2']);
    let hops = 0;
    bench.registry.intercept((request) => {
      if (!request.url.pathname.includes(layer) || hops++ > 0) return undefined;
      return { status: 307, headers: { location: `${bench.registry.url}${request.url.pathname}?again` } };
    });
    expect((await ask('shop/web/manifests/1.0')).status).to.equal(200);
    const answer = await ask(`shop/web/blobs/${layer}`);
    expect([answer.status, await answer.text(), hops]).to.deep.equal([200, 'layer of 1.0', 2]);
  });

  for (const where of [
    'http://user:s3cret@127.0.0.2',
    'ftp://127.0.0.2',
    'http://127.0.0.2\\@evil.example.com',
  ])
    it(`G51 are not passed on to ${where.replace('s3cret', '…')}`, async () => {
      const { layer } = await push();
      await start(['127.0.0.2'], 'Pass', where);
      expect((await ask('shop/web/manifests/1.0')).status).to.equal(200);
      const answer = await ask(`shop/web/blobs/${layer}`);
      expect(answer.headers.get('location')).to.equal(null);
      expect(answer.status).to.equal(503);
      expect(await answer.text()).not.to.contain('s3cret');
    });
});
