import { expect } from 'chai';
import { failure } from '../support/registry/http.ts';
import { AMD64, blobsOf, useGates } from './bench.ts';
import { pushBlob, pushImage, pushIndex, pushManifest, pushTag } from '../support/registry/push.ts';

describe('blobs and tags at the gate', () => {
  const bench = useGates();

  it('G03 a layer or config of a refused image is refused by its digest', async () => {
    const image = await pushImage(bench.place('shop/web', '1.0'), { layers: ['secret layer'] });
    const [known, fresh] = [await bench.start(), await bench.start()];
    expect(await bench.status(known, 'shop/web/manifests/1.0')).to.equal(403);
    for (const digest of blobsOf(image)) {
      expect(await bench.status(known, `shop/web/blobs/${digest}`)).to.equal(403);
      expect(await bench.status(fresh, `shop/web/blobs/${digest}`)).to.equal(403);
      expect(await bench.status(fresh, `shop/web/blobs/${digest}`, { method: 'HEAD' })).to.equal(403);
    }
  });

  it('G04 a tag that moved between HEAD and GET is judged again', async () => {
    await bench.pushSigned('shop/web', '1.0');
    const gate = await bench.start();
    expect(await bench.status(gate, 'shop/web/manifests/1.0', { method: 'HEAD' })).to.equal(200);
    await pushImage(bench.place('shop/web', '1.0'), { salt: 'unsigned' });
    expect(await bench.status(gate, 'shop/web/manifests/1.0')).to.equal(403);
  });

  it('G05 the bytes are of the digest that was judged, also where the tag moves meanwhile', async () => {
    const good = await bench.pushSigned('shop/web', '1.0');
    const gate = await bench.start();
    let reads = 0;
    const bad = await pushImage(bench.place('shop/web'), { salt: 'unsigned' });
    bench.registry.intercept(async (request, handle) => {
      if (!request.url.pathname.endsWith('/manifests/1.0') || reads++ === 0) return undefined;
      const url = new URL(request.url.href.replace(/1\.0$/, bad.digest));
      return handle({ ...request, url });
    });
    const answer = await gate.get(`${bench.registry.host}/shop/web/manifests/1.0`);
    expect(answer.headers.get('docker-content-digest')).to.equal(good.digest);
  });

  it('G06 a digest that is admitted in another repository is not served from this one', async () => {
    const image = await bench.pushSigned('shop/web', '1.0');
    const gate = await bench.start();
    expect(await bench.status(gate, 'shop/web/manifests/1.0')).to.equal(200);
    expect(await bench.status(gate, `evil/web/manifests/${image.digest}`)).to.equal(404);
  });

  it('G07 a blob of an admitted image is not served from another repository', async () => {
    const image = await bench.pushSigned('shop/web', '1.0');
    await pushImage(bench.place('evil/web', '1.0'));
    const gate = await bench.start();
    expect(await bench.status(gate, 'shop/web/manifests/1.0')).to.equal(200);
    for (const digest of blobsOf(image)) {
      expect(await bench.status(gate, `shop/web/blobs/${digest}`)).to.equal(200);
      expect(await bench.status(gate, `evil/web/blobs/${digest}`)).to.equal(404);
    }
  });

  it('G15 ranges are of blobs that are admitted, inside of them', async () => {
    const [good, bad] = [
      await bench.pushSigned('shop/web', '1.0'),
      await pushImage(bench.place('shop/bad', '1.0'), { layers: ['bad layer'] }),
    ];
    const gate = await bench.start();
    const layer = blobsOf(good)[1]!;
    const ask = async (range: string) => {
      const answer = await gate.get(`${bench.registry.host}/shop/web/blobs/${layer}`, { headers: { range } });
      return `${String(answer.status)} ${await answer.text()}`;
    };
    expect(await ask('bytes=0-4')).to.equal('206 layer');
    expect(await ask('bytes=9-')).to.equal('206 1.0');
    expect(await ask('bytes=-3')).to.equal('206 1.0');
    expect(await ask('bytes=0-999999')).to.equal('200 layer of 1.0');
    expect(await ask('bytes=0-1,3-4')).to.equal('200 layer of 1.0');
    expect(await ask('lines=0-1')).to.equal('200 layer of 1.0');
    expect(await ask('bytes=5-2')).to.equal('200 layer of 1.0');
    expect(await ask('bytes=999999999999999-')).to.match(/^416 /);
    expect(await ask('bytes=-0')).to.match(/^416 /);
    for (const digest of blobsOf(bad))
      expect(
        await bench.status(gate, `shop/bad/blobs/${digest}`, { headers: { range: 'bytes=0-3' } }),
      ).to.equal(403);
  });

  const lies: readonly [string, (bytes: Buffer) => Buffer][] = [
    ['of another digest', (bytes) => Buffer.from(bytes.toString().toUpperCase())],
    ['too short', (bytes) => bytes.subarray(1)],
    ['too long', (bytes) => Buffer.concat([bytes, Buffer.from('more')])],
  ];
  for (const [what, lie] of lies)
    it(`G23 bytes that are ${what} never arrive as a whole blob`, async () => {
      const image = await bench.pushSigned('shop/web', '1.0');
      const gate = await bench.start();
      expect(await bench.status(gate, 'shop/web/manifests/1.0')).to.equal(200);
      bench.registry.intercept(async (request, handle) => {
        if (!request.url.pathname.includes('/blobs/') || request.method !== 'GET') return undefined;
        const reply = await handle(request);
        const body = lie(Buffer.from((reply.body ?? '') as string | Uint8Array));
        return { ...reply, body, headers: { ...reply.headers, 'content-length': String(body.byteLength) } };
      });
      const layer = blobsOf(image)[1]!;
      const outcome = await gate
        .get(`${bench.registry.host}/shop/web/blobs/${layer}`)
        .then(async (answer) => (answer.ok ? answer.text() : String(answer.status)))
        .catch(() => 'cut');
      expect(outcome).to.be.oneOf(['cut', '503']);
    });

  it('G24 many callers who ask for one image at once cost the registry what one costs', async () => {
    await bench.pushSigned('shop/web', '1.0');
    const path = 'shop/web/manifests/1.0';
    const costOf = async (callers: number): Promise<number> => {
      const gate = await bench.start();
      bench.registry.forgetLog();
      const all = await Promise.all(Array.from({ length: callers }, () => bench.status(gate, path)));
      expect(new Set(all)).to.deep.equal(new Set([200]));
      // Whether the tag has moved is asked again for callers that come later.
      return bench.registry.requests.filter(({ method }) => method !== 'HEAD').length;
    };
    const one = await costOf(1);
    expect(await costOf(300)).to.equal(one);
  });

  it('G34 an exempt image is served by its digest alone, with its layers, and no other image of its name', async () => {
    const image = await pushImage(bench.place('shop/web', '1.0'), { layers: ['own'] });
    const gate = await bench.start([bench.signed()], {
      exempt: [`${bench.registry.host}/shop/web@${image.digest}`],
    });
    expect(await bench.status(gate, 'shop/web/manifests/1.0')).to.equal(200);
    expect(await bench.status(gate, `shop/web/manifests/${image.digest}`)).to.equal(200);
    for (const digest of blobsOf(image))
      expect(await bench.status(gate, `shop/web/blobs/${digest}`)).to.equal(200);
    await pushImage(bench.place('shop/web', '1.0'), { salt: 'other' });
    await pushImage(bench.place('evil/web', '1.0'), { layers: ['own'] });
    expect(await bench.status(gate, 'shop/web/manifests/1.0')).to.equal(403);
    expect(await bench.status(gate, `evil/web/manifests/${image.digest}`)).to.equal(403);
  });

  it('G32 a tag that is read as digest of an admitted image leads to that image alone', async () => {
    const image = await bench.pushSigned('shop/web', '1.0');
    await pushTag(bench.place('shop/web'), 'other', image);
    const blob = await pushBlob(bench.place('shop/web'), {
      mediaType: 'application/octet-stream',
      bytes: 'loose',
    });
    const gate = await bench.start();
    expect(await bench.status(gate, 'shop/web/manifests/other')).to.equal(200);
    expect(await bench.status(gate, `shop/web/blobs/${blob.digest}`)).to.equal(404);
  });

  it('G34 what an exempt index lists is served, also where no policy covers it and a platform is flagged', async () => {
    const annotations = { 'dev.pratique.quarantine': 'true' };
    const platform = await pushImage(bench.place('shop/web'), { platform: AMD64, annotations });
    const index = await pushIndex(bench.place('shop/web', '1.0'), {
      manifests: [{ ...platform, platform: AMD64 }],
    });
    for (const images of ['**', 'registry.example.com/**']) {
      const policy = bench.signed({}, { match: { images: [images] } });
      const gate = await bench.start([policy], {
        exempt: [`${bench.registry.host}/shop/web@${index.digest}`],
      });
      for (const name of ['1.0', platform.digest])
        expect(await bench.status(gate, `shop/web/manifests/${name}`)).to.equal(200);
      for (const digest of blobsOf(platform))
        expect(await bench.status(gate, `shop/web/blobs/${digest}`)).to.equal(200);
    }
  });

  it('G38 neither a registry that lists no tags nor a tag that cannot be read keeps an image from being pulled', async () => {
    const image = await bench.pushSigned('shop/web', '1.0');
    await pushManifest(bench.place('shop/web', 'odd'), { schemaVersion: 2, Manifests: [], config: {} });
    for (const status of [undefined, 403, 404, 405]) {
      bench.registry.intercept(({ url }) =>
        status !== undefined && url.pathname.endsWith('/tags/list') ? failure(status, 'DENIED') : undefined,
      );
      const gate = await bench.start();
      expect(await bench.status(gate, `shop/web/manifests/${image.digest}`), String(status)).to.equal(200);
      for (const digest of blobsOf(image))
        expect(await bench.status(gate, `shop/web/blobs/${digest}`)).to.equal(200);
    }
  });

  it('an image that a tag has led to costs no list of tags', async () => {
    const image = await bench.pushSigned('shop/web', '1.0');
    const gate = await bench.start();
    expect(await bench.status(gate, 'shop/web/manifests/1.0')).to.equal(200);
    for (const digest of [...blobsOf(image)])
      expect(await bench.status(gate, `shop/web/blobs/${digest}`)).to.equal(200);
    expect(bench.registry.requests.filter(({ path }) => path.includes('/tags/list'))).to.have.length(0);
  });
});
