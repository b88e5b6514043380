import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { pushImage, pushManifest } from '../support/registry/push.ts';
import { startRegistry } from '../support/registry/index.ts';
import { signingKey } from '../support/signing.ts';
import { policyDocument } from '../support/policies.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';
import { blobsOf, useGates } from './bench.ts';
import type { RunningGate } from './running-gate.ts';
import { startGate } from './running-gate.ts';

const MIB = 1024 * 1024;

describe('the cache of the gate', () => {
  const bench = useGates();
  let folder: TemporaryFolder;
  beforeEach(async () => {
    folder = await temporaryFolder();
  });
  afterEach(() => folder.remove());

  const cache = (maxBytes = 64 * MIB) => ({ cache: { folder: join(folder.path, 'blobs'), maxBytes } });
  const files = async (): Promise<readonly string[]> => {
    const all = await readdir(folder.path, { recursive: true, withFileTypes: true });
    return all.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name));
  };
  const fileOf = async (digest: string): Promise<string> => {
    const found = (await files()).find((one) => one.endsWith(digest.slice('sha256:'.length)));
    if (found === undefined) throw new Error(`${digest} is not stored`);
    return found;
  };
  const pull = async (gate: RunningGate, path: string, init?: RequestInit): Promise<string> => {
    const answer = await gate.get(`${bench.registry.host}/${path}`, init);
    return answer.text().catch(() => 'cut');
  };
  /** GETs of this blob since the last time. */
  const downloads = (digest: string): number => {
    const count = bench.registry.requests.filter(
      ({ method, path }) => method === 'GET' && path.endsWith(digest),
    ).length;
    bench.registry.forgetLog();
    return count;
  };

  it('hands out what it has stored, and parts of it, also after a restart', async () => {
    const layer = blobsOf(await bench.pushSigned('shop/web', '1.0'))[1]!;
    const path = `shop/web/blobs/${layer}`;
    const first = await bench.start([bench.signed()], cache());
    await pull(first, 'shop/web/manifests/1.0');
    expect(await pull(first, path)).to.equal('layer of 1.0');
    expect(downloads(layer)).to.equal(1);
    expect(await pull(first, path)).to.equal('layer of 1.0');
    expect(await pull(first, path, { headers: { range: 'bytes=6-7' } })).to.equal('of');
    const second = await bench.start([bench.signed()], cache());
    await pull(second, 'shop/web/manifests/1.0');
    expect(await pull(second, path)).to.equal('layer of 1.0');
    expect(await pull(second, path, { headers: { range: 'bytes=-3' } })).to.equal('1.0');
    expect(downloads(layer)).to.equal(0);
  });

  it('keeps nothing by default', async () => {
    const layer = blobsOf(await bench.pushSigned('shop/web', '1.0'))[1]!;
    const gate = await bench.start();
    await pull(gate, 'shop/web/manifests/1.0');
    for (let n = 0; n < 2; n += 1) await pull(gate, `shop/web/blobs/${layer}`);
    expect(downloads(layer)).to.equal(2);
  });

  it('G58 a stored blob is served after the same verdict as without', async () => {
    const image = await bench.pushSigned('shop/web', '1.0');
    await pushImage(bench.place('shop/bad', '1.0'), { salt: '1.0', layers: ['layer of 1.0'] });
    const layer = blobsOf(image)[1]!;
    const gate = await bench.start([bench.signed()], cache());
    await pull(gate, 'shop/web/manifests/1.0');
    expect(await pull(gate, `shop/web/blobs/${layer}`)).to.equal('layer of 1.0');
    await fileOf(layer);
    // The same layer in an image that is not signed, in a repository that lists none, and by a policy that asks for another key.
    expect(await bench.status(gate, `shop/bad/blobs/${layer}`)).to.equal(403);
    expect(await bench.status(gate, `shop/none/blobs/${layer}`)).to.equal(404);
    const authorities = [{ name: 'release', key: { pem: signingKey().pem } }];
    const strict = await bench.start([bench.signed({}, { authorities })], cache());
    for (const init of [{}, { headers: { range: 'bytes=0-1' } }, { method: 'HEAD' }])
      expect(await bench.status(strict, `shop/web/blobs/${layer}`, init)).to.equal(403);
  });

  it('G59 a stored blob with other bytes never arrives whole, and is read anew', async () => {
    const layer = blobsOf(await bench.pushSigned('shop/web', '1.0'))[1]!;
    const path = `shop/web/blobs/${layer}`;
    const gate = await bench.start([bench.signed()], cache());
    await pull(gate, 'shop/web/manifests/1.0');
    await pull(gate, path);
    for (const [bytes, first] of [
      ['LAYER of 1.0', 'cut'],
      ['layer', 'layer of 1.0'],
      ['layer of 1.0 and more', 'layer of 1.0'],
    ] as const) {
      await writeFile(await fileOf(layer), bytes);
      // A part of it comes from the upstream, because it has changed since it was proven.
      expect(await pull(gate, path, { headers: { range: 'bytes=0-4' } })).to.equal('layer');
      expect(await pull(gate, path).catch(() => 'cut')).to.equal(first);
      expect(await pull(gate, path)).to.equal('layer of 1.0');
      expect(await readFile(await fileOf(layer), 'utf8')).to.equal('layer of 1.0');
    }
  });

  it('G70 a stored blob is for those whom the upstream lets read it', async () => {
    const login = { username: 'jane', password: 'pa55' };
    const registry = await startRegistry({ auth: { kind: 'basic', ...login } });
    const basic = (password: string) => ({
      authorization: `Basic ${Buffer.from(`jane:${password}`).toString('base64')}`,
    });
    const flags = policyDocument({
      match: { images: ['registry.example.com/**'] },
      require: { quarantine: {} },
    });
    const settings = { unjudged: 'Allow', callers: { anonymous: true, passthrough: true }, ...cache() };
    const gate = await startGate({ upstreams: [{ match: ['**'], passthrough: true }], ...settings }, [flags]);
    try {
      const place = { registry: registry.host, repository: 'shop/web', tag: '1.0', headers: basic('pa55') };
      const image = await pushImage(place, { layers: ['private'] });
      const ask = async (path: string, headers: Record<string, string> = {}) => {
        const answer = await gate.get(`${registry.host}/shop/web/${path}`, { headers });
        return `${String(answer.status)} ${await answer.text()}`;
      };
      const blob = `blobs/${blobsOf(image)[1]!}`;
      await ask('manifests/1.0', basic('pa55'));
      expect(await ask(blob, basic('pa55'))).to.equal('200 private');
      expect(await ask(blob, basic('pa55'))).to.equal('200 private');
      for (const headers of [{}, basic('wrong')]) expect(await ask(blob, headers)).to.match(/^(?:401|403) /);
    } finally {
      await gate.close();
      await registry.close();
    }
  });

  it('G71 no digest leads out of the folder', async () => {
    const layer = blobsOf(await bench.pushSigned('shop/web', '1.0'))[1]!;
    const secret = await folder.write('secret', 'secret');
    const gate = await bench.start([bench.signed()], cache());
    await pull(gate, 'shop/web/manifests/1.0');
    const up = '..%2f..%2f..%2fsecret';
    for (const digest of [
      up,
      `sha256:${up}`,
      `sha256:../../../secret`,
      `sha256:${layer.slice(7, 65)}%2e%2e%2f`,
      'sha256:',
    ])
      expect(await bench.status(gate, `shop/web/blobs/${digest}`), digest).to.be.oneOf([400, 404, 405]);
    // Nor does a manifest that anyone pushed.
    const mediaType = 'application/vnd.oci.image.manifest.v1+json';
    const descriptor = {
      mediaType: 'application/vnd.oci.image.layer.v1.tar',
      digest: 'sha256:../../../secret',
      size: 6,
    };
    const evil = { schemaVersion: 2, mediaType, config: descriptor, layers: [descriptor] };
    await pushManifest(bench.place('shop/web', 'evil'), evil).catch(() => undefined);
    expect(await bench.status(gate, 'shop/web/manifests/evil')).to.be.at.least(400);
    expect((await stat(secret)).size).to.equal(6);
    expect(await files()).to.deep.equal([secret]);
  });

  it('names the field of a folder that cannot be used', async () => {
    const file = await folder.write('file', '');
    const failure: unknown = await bench
      .start([bench.signed()], { cache: { folder: join(file, 'below'), maxBytes: MIB } })
      .catch((error: unknown) => error);
    expect(String(failure)).to.contain('gate.cache.folder').and.to.contain('may write');
  });
});
