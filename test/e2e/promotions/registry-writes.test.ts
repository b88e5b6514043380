import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { expect } from 'chai';
import { anonymous, createRegistry, type Registry } from '../../../src/clients/registry/index.ts';
import {
  digestOf,
  parseDigest,
  parseManifest,
  type Descriptor,
  type ImageRef,
  type ManifestContent,
  type PinnedRef,
} from '../../../src/core/model/index.ts';
import { pushBlob } from '../../support/registry/push.ts';
import {
  startDistribution,
  startOlareg,
  type Registry as Running,
} from '../support/promotions/registries.ts';

const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const NOTE = 'application/vnd.example.note';
const signal = (): AbortSignal => AbortSignal.timeout(20_000);

function content(fields: Record<string, unknown>): ManifestContent {
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_MANIFEST, ...fields }));
  const manifest = parseManifest(bytes, digestOf(bytes), undefined);
  if (!manifest.ok) throw new Error(JSON.stringify(manifest.problems));
  return { manifest: manifest.value, bytes };
}

const wire = ({ mediaType, digest, size }: Descriptor): object => ({ mediaType, digest, size });

for (const { name, start } of [
  { name: 'olareg, which lists referrers', start: startOlareg },
  { name: 'distribution, which does not', start: startDistribution },
]) {
  describe(`writing to ${name}`, () => {
    let running: Running;
    let registry: Registry;
    let requests: string[];
    before(async () => {
      running = await start();
      registry = createRegistry({
        keychain: anonymous,
        now: () => new Date(),
        chunkBytes: 100_000,
        onRequest: ({ operation, code }) => requests.push(`${operation} ${code}`),
      });
    });
    after(async () => {
      await registry.close();
      await running.stop();
    });
    beforeEach(() => {
      requests = [];
    });

    const at = (repository: string, tag = '1.0'): ImageRef => ({ registry: running.host, repository, tag });
    const lay = async (repository: string, bytes: Buffer): Promise<Descriptor> => {
      const target = { registry: running.host, repository };
      const pushed = await pushBlob(target, { mediaType: 'application/octet-stream', bytes });
      const digest = parseDigest(pushed.digest);
      if (digest === undefined) throw new Error('no digest');
      return { mediaType: pushed.mediaType, digest, size: bytes.byteLength, annotations: {} };
    };
    /** Pushes an image with one layer and a config. */
    const image = async (repository: string, tag: string): Promise<PinnedRef & { size: number }> => {
      const to = at(repository, tag);
      const blob = { mediaType: 'application/octet-stream', annotations: {} };
      const [layer, config] = [randomBytes(1_000), Buffer.from(JSON.stringify({ tag }))];
      const layers = [
        { ...blob, size: layer.byteLength, digest: await registry.pushBlob(to, layer, signal()) },
      ];
      const digest = await registry.pushBlob(to, config, signal());
      const made = content({
        config: wire({ ...blob, digest, size: config.byteLength }),
        layers: layers.map(wire),
      });
      await registry.pushManifest(to, made, signal());
      return {
        registry: running.host,
        repository,
        digest: made.manifest.digest,
        size: made.bytes.byteLength,
      };
    };

    it('mounts a blob from another repository, and sees that it is there', async () => {
      const blob = await lay('shop/web', randomBytes(50_000));
      const transfer = {
        blob,
        source: registry,
        from: at('shop/web'),
        to: at('gold/web'),
        maybeThere: false,
      };
      expect(await registry.transferBlob(transfer, signal())).to.equal('mounted');
      expect(requests).to.deep.equal(['mount 201', 'mount 200']);
    });

    it('streams a blob whole, in two requests, and finds it again with one', async () => {
      const bytes = randomBytes(500_000);
      const blob: Descriptor = {
        mediaType: 'a/b',
        digest: digestOf(bytes),
        size: bytes.byteLength,
        annotations: {},
      };
      const source = { openBlob: () => Promise.resolve(pieces(bytes)) };
      const from = { registry: 'registry.example.com', repository: 'shop/web' };
      const transfer = { blob, source, from, to: at('gold/stream') };
      expect(await registry.transferBlob({ ...transfer, maybeThere: false }, signal())).to.equal('copied');
      expect(requests).to.deep.equal(['upload 202', 'upload 201']);
      expect(await registry.transferBlob({ ...transfer, maybeThere: true }, signal())).to.equal('present');
      const back = await registry.blob(at('gold/stream'), blob, blob.size, signal());
      expect(Buffer.from(back ?? []).equals(bytes)).to.equal(true);
      const rest = await registry.openBlob(at('gold/stream'), blob, 400_000, signal());
      expect((await gather(rest)).equals(bytes.subarray(400_000))).to.equal(true);
    });

    it('continues the upload of a blob after a broken connection', async () => {
      const bytes = randomBytes(500_000);
      const blob: Descriptor = {
        mediaType: 'a/b',
        digest: digestOf(bytes),
        size: bytes.byteLength,
        annotations: {},
      };
      const line = await brittleLine(running.host, 300_000);
      const source = {
        openBlob: (_from: ImageRef, _blob: Descriptor, offset: number) =>
          Promise.resolve(pieces(bytes.subarray(offset))),
      };
      const from = { registry: 'registry.example.com', repository: 'shop/web' };
      const to = { registry: line.host, repository: 'gold/chunks' };
      expect(await registry.transferBlob({ blob, source, from, to, maybeThere: false }, signal())).to.equal(
        'copied',
      );
      expect(requests.slice(0, 3)).to.deep.equal(['upload 202', 'upload error', 'upload 404']);
      line.close();
      const back = await registry.blob(at('gold/chunks'), blob, blob.size, signal());
      expect(Buffer.from(back ?? []).equals(bytes)).to.equal(true);
    });

    it('stores nothing of a blob that does not match its digest', async () => {
      const blob: Descriptor = { mediaType: 'a/b', digest: digestOf('another'), size: 7, annotations: {} };
      const source = { openBlob: () => Promise.resolve(pieces(Buffer.from('not-it!'))) };
      const from = { registry: 'registry.example.com', repository: 'shop/web' };
      const transfer = { blob, source, from, to: at('gold/web'), maybeThere: false };
      const outcome = await registry.transferBlob(transfer, signal()).then(String, (error: unknown) => error);
      expect(outcome).to.include({ code: 'RegistryMisbehaved', side: 'source' });
      expect(requests.at(-1)).to.match(/^upload (202|204)$/); // the upload is cancelled
      expect(await registry.blob(at('gold/web'), blob, 10, signal())).to.equal(undefined);
    });

    it('makes referrers of an image visible, pushed one by one and at once', async () => {
      const subject = await image('gold/web', '1.0');
      const config = await registry.pushBlob(at('gold/web'), Buffer.from('{}'), signal());
      const empty = { mediaType: 'application/vnd.oci.empty.v1+json', digest: config, size: 2 };
      const note = (n: number): ManifestContent =>
        content({
          artifactType: NOTE,
          config: empty,
          layers: [empty],
          subject: { mediaType: OCI_MANIFEST, digest: subject.digest, size: subject.size },
          annotations: { n: String(n) },
        });
      const to = { registry: running.host, repository: 'gold/web' };
      await registry.pushManifest(to, note(0), signal());
      await Promise.all([1, 2, 3].map((n) => registry.pushManifest(to, note(n), signal())));
      const found = await registry.referrers(subject, signal());
      expect(found.map(({ digest }) => digest).toSorted()).to.deep.equal(
        [0, 1, 2, 3].map((n) => note(n).manifest.digest).toSorted(),
      );
      expect(found.map(({ artifactType }) => artifactType)).to.deep.equal(Array(4).fill(NOTE));
    });

    it('deletes one tag and keeps the others', async () => {
      const { digest } = await image('gold/tags', '1.0');
      const read = await registry.content(at('gold/tags'), signal());
      if (read === undefined) throw new Error('nothing was pushed');
      await registry.pushManifest(at('gold/tags', '1.1'), read, signal());
      expect(await registry.deleteTag(at('gold/tags', '1.1'), signal())).to.equal('deleted');
      expect(await registry.tags(at('gold/tags'), signal())).to.deep.equal(['1.0']);
      expect(await registry.tagDigest(at('gold/tags'), signal())).to.equal(digest);
    });

    it('deletes a manifest with its tags, once', async () => {
      const made = await image('gold/gone', '1.0');
      expect(await registry.deleteManifest(made, signal())).to.equal('deleted');
      expect(await registry.tagDigest(at('gold/gone'), signal())).to.equal(undefined);
      expect(await registry.deleteManifest(made, signal())).to.equal('absent');
    });
  });
}

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += 65_536) {
    yield await Promise.resolve(bytes.subarray(at, at + 65_536));
  }
}

/** A connection to a registry that breaks once, after a number of bytes. */
async function brittleLine(to: string, bytes: number): Promise<{ readonly host: string; close(): void }> {
  const [hostname = '', port = ''] = to.split(':');
  let broken = false;
  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    let sent = 0;
    const end = (): void => {
      near.destroy();
      far.destroy();
    };
    near.on('data', (piece) => {
      sent += piece.byteLength;
      if (!broken && sent > bytes) {
        broken = true;
        end();
      } else far.write(piece);
    });
    far.on('data', (piece) => near.write(piece));
    for (const socket of [near, far]) socket.on('error', end).on('close', end);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port: own } = server.address() as AddressInfo;
  return { host: `127.0.0.1:${String(own)}`, close: () => server.close() };
}

async function gather(body: AsyncIterable<Uint8Array> | undefined): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of body ?? []) all.push(piece);
  return Buffer.concat(all);
}
