import { execFileSync } from 'node:child_process';
import { mkdir, open, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { expect } from 'chai';
import { digestOf, Fault, MEDIA_TYPE, pin, type ImageRef } from '../../../src/core/model/index.ts';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.ts';
import {
  blobFile,
  faultOf,
  filesIn,
  image,
  imageTexts,
  indexOf,
  place,
  pushBlob,
  readIndex,
  referrer,
  signal,
  sourceLayouts,
  targetLayouts,
  writeLayout,
  LAYER,
  openPlace,
} from './layout-fixture.ts';

describe('A folder in the OCI image layout that is written', () => {
  let folder: TemporaryFolder;
  let root: string;
  let at: ImageRef;
  const { manifest, blobs, entry } = imageTexts();
  const tag = (name: string): ImageRef => ({ ...at, tag: name });
  beforeEach(async () => {
    ({ folder, root, at } = await openPlace());
  });
  afterEach(() => folder.remove());
  const drained = async (stream: AsyncIterable<Uint8Array> | undefined): Promise<string> => {
    const pieces: Uint8Array[] = [];
    for await (const piece of stream ?? []) pieces.push(piece);
    return Buffer.concat(pieces).toString();
  };

  describe('is written beside what is there', () => {
    it('B33 only where there is nothing, or a layout', async () => {
      for (const files of [
        { 'notes.txt': 'mine' },
        { 'index.json': '{}' },
        { 'oci-layout': '{"imageLayoutVersion":"9"}' },
      ]) {
        const users = await temporaryFolder(files);
        const there = place(dirname(users.path), basename(users.path));
        expect(await faultOf(targetLayouts().pushBlob(there, Buffer.from('a blob'), signal()))).to.include({
          code: 'RegistryMisbehaved',
          transient: false,
        });
        expect(await filesIn(users.path)).to.deep.equal(Object.keys(files));
        await users.remove();
      }
      const users = await temporaryFolder({ 'notes.txt': 'mine' });
      const fault = await faultOf(
        targetLayouts().tags(place(dirname(users.path), basename(users.path)), signal()),
      );
      expect(fault.message).to.include('name a layout or a new folder');
      await users.remove();
      await writeFile(join(folder.path, 'export'), 'a file');
      expect(await faultOf(targetLayouts().tags(at, signal()))).to.include({ code: 'RegistryMisbehaved' });
    });

    it('B33 and nothing is written when it is only read', async () => {
      const target = targetLayouts();
      expect(await target.tags(at, signal())).to.equal(undefined);
      expect(await target.tagDigest(tag('1.0'), signal())).to.equal(undefined);
      expect(await filesIn(folder.path)).to.deep.equal([]);
    });

    it('B33 by two processes at once, of which no entry is lost', async () => {
      const writers = Array.from({ length: 6 }, () => targetLayouts());
      await image(targetLayouts(), at, ['0.0']);
      await Promise.all(writers.map((one, n) => image(one, at, [`1.${String(n)}`], `layer ${String(n)}`)));
      const tags = await sourceLayouts().tags(at, signal());
      expect(tags).to.have.members(['0.0', ...writers.map((_, n) => `1.${String(n)}`)]);
      expect((await readdir(root)).toSorted()).to.deep.equal(['blobs', 'index.json', 'oci-layout']);
    });

    it('B33 also behind a process that died while it wrote', async () => {
      await image(targetLayouts(), at, ['1.0']);
      const pid = Number(execFileSync('sh', ['-c', 'echo $$']).toString());
      await writeFile(join(root, 'index.json.lock'), JSON.stringify({ pid, host: hostname() }));
      await image(targetLayouts(), at, ['1.1']);
      expect(await sourceLayouts().tags(at, signal())).to.have.members(['1.0', '1.1']);
    });

    it('B33 and not while another process writes: its name is in the message', async () => {
      await image(targetLayouts(), at, ['1.0']);
      const lock = join(root, 'index.json.lock');
      await writeFile(lock, JSON.stringify({ pid: process.pid, host: 'another.example.com' }));
      const short = AbortSignal.timeout(300);
      const target = targetLayouts();
      const content = await target.content(tag('1.0'), signal());
      if (!content) throw new Error('no content');
      expect(await faultOf(target.pushManifest(tag('1.1'), content, short))).to.include({
        code: 'DeadlineExceeded',
      });
      expect(await readFile(lock, 'utf8')).to.contain('another.example.com');
      expect(await sourceLayouts().tags(at, signal())).to.deep.equal(['1.0']);
    });

    it('B33 and not while one of another container writes, whose host has the same name and whose number is free here', async () => {
      await image(targetLayouts(), at, ['1.0']);
      const pid = Number(execFileSync('sh', ['-c', 'echo $$']).toString());
      const lock = JSON.stringify({ pid, host: hostname(), processes: 'pid:[1]' });
      await writeFile(join(root, 'index.json.lock'), lock);
      const fault = await faultOf(image(targetLayouts({ lockWaitMs: 0 }), at, ['1.1'], 'another layer'));
      expect(fault).to.include({ code: 'RegistryUnavailable', transient: true });
      expect(fault.detail).to.contain(`process ${String(pid)} of ${hostname()}`);
      expect(await readFile(join(root, 'index.json.lock'), 'utf8')).to.equal(lock);
    });

    it('B33 and never without end behind a lock that is left, where the process that took it over died as well', async () => {
      await image(targetLayouts(), at, ['1.0']);
      const pid = Number(execFileSync('sh', ['-c', 'echo $$']).toString());
      await writeFile(join(root, 'index.json.lock'), JSON.stringify({ pid, host: hostname() }));
      await mkdir(join(root, 'index.json.lock.break'));
      const fault = await faultOf(image(targetLayouts({ lockWaitMs: 100 }), at, ['1.1'], 'another layer'));
      expect(fault).to.include({ code: 'RegistryUnavailable', transient: true });
      expect(fault.detail).to.contain('index.json.lock.break');
    });

    it('B33 and a disk that has no byte left for the lock keeps none', async () => {
      await image(targetLayouts(), at, ['1.0']);
      const full: typeof open = async (path, flags, mode) => {
        const file = await open(path, flags, mode);
        if (!String(path).endsWith('.lock')) return file;
        file.writeFile = () => Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' }));
        return file;
      };
      const fault = await faultOf(image(targetLayouts({ open: full }), at, ['1.1'], 'another layer'));
      expect(fault).to.include({ code: 'RegistryUnavailable', side: 'target' });
      await image(targetLayouts({ lockWaitMs: 0 }), at, ['1.1'], 'another layer');
      expect(await sourceLayouts().tags(at, signal())).to.have.members(['1.0', '1.1']);
    });

    for (const [code, reason] of [
      ['ENOSPC', 'RegistryUnavailable'],
      ['EDQUOT', 'RegistryUnavailable'],
      ['EFBIG', 'LimitExceeded'],
      ['EROFS', 'RegistryDenied'],
    ] as const)
      it(`B33 and ${code} is reported as what it is, with the index as it was`, async () => {
        await image(targetLayouts(), at, ['1.0']);
        const before = await readFile(join(root, 'index.json'), 'utf8');
        const full: typeof open = async (path, flags, mode) => {
          const file = await open(path, flags, mode);
          if (!String(path).endsWith('.tmp')) return file;
          file.writeFile = () => Promise.reject(Object.assign(new Error(code), { code }));
          return file;
        };
        const fault = await faultOf(image(targetLayouts({ open: full }), at, ['1.1'], 'another layer'));
        expect(fault).to.include({ code: reason, side: 'target', transient: false });
        expect(fault.detail).to.contain(code);
        expect(await readFile(join(root, 'index.json'), 'utf8')).to.equal(before);
        expect((await filesIn(root)).filter((name) => name.endsWith('.tmp'))).to.deep.equal([]);
      });

    it('B33 and a copy that is stopped leaves the old index and no piece', async () => {
      await image(targetLayouts(), at, ['1.0']);
      const before = await filesIn(root);
      const stop = new AbortController();
      const source = {
        openBlob: () => {
          stop.abort();
          return Promise.resolve(Readable.from([Buffer.from('a bl')]));
        },
      };
      const blob = { ...LAYER, digest: digestOf('a blob'), size: 6 };
      const copied = targetLayouts().transferBlob(
        { blob, source, from: at, to: at, maybeThere: false },
        stop.signal,
      );
      expect(await faultOf(copied)).to.include({ code: 'DeadlineExceeded' });
      expect(await filesIn(root)).to.deep.equal(before);
    });
  });

  it('loses nothing of its index that others wrote, and keeps one entry of a tag', async () => {
    const own = { ...entry, name: '1.0', data: 'e30=', platform: { os: 'linux', architecture: 'arm64' } };
    await writeLayout(root, { index: { ...indexOf(own), 'com.example': 1 }, blobs });
    const target = targetLayouts();
    await image(target, at, ['2.0'], 'two');
    await image(target, at, ['2.0'], 'three');
    const index = await readIndex(root);
    expect(index).to.have.property('com.example', 1);
    expect(index.manifests[0]).to.include({ data: 'e30=' });
    expect(index.manifests).to.have.length(2);
  });

  it('lists what refers to an image by the subjects of what it names, by nested indexes and by the fallback tag, each once', async () => {
    const subject = { mediaType: entry.mediaType, digest: entry.digest, size: entry.size };
    const notes = ['named', 'nested', 'listed'].map((text) =>
      imageTexts(text, { artifactType: 'a/note', subject }),
    );
    const [named, nested, listed] = notes.map((note) => note.entry);
    const index = (...manifests: unknown[]) =>
      JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests });
    const [inner, list] = [index(nested), index(listed, named)];
    const of = (text: string) => ({
      mediaType: MEDIA_TYPE.ociIndex,
      digest: digestOf(text),
      size: text.length,
    });
    await writeLayout(root, {
      index: indexOf({ ...entry, name: '1.0' }, named ?? {}, of(inner), {
        ...of(list),
        name: entry.digest.replace(':', '-'),
      }),
      blobs: [...blobs, ...notes.flatMap((note) => note.blobs), inner, list],
    });
    const found = await sourceLayouts().referrers(pin(at, digestOf(manifest)), signal());
    expect(found.map(({ digest }) => digest)).to.have.members(notes.map((note) => note.entry.digest));
  });

  it('keeps one listing of referrers for each image, and no old one', async () => {
    const target = targetLayouts();
    const pushed = await image(target, at, ['1.0']);
    const before = (await filesIn(root)).length;
    for (const text of ['a', 'b', 'c']) await referrer(target, at, pushed, { text });
    // Three manifests, three layers, one listing.
    expect((await filesIn(root)).length).to.equal(before + 7);
    expect((await readIndex(root)).manifests).to.have.length(2);
  });

  it('deletes nothing as a source', async () => {
    const { digest } = await image(targetLayouts(), at, ['1.0']);
    expect(await sourceLayouts().deleteManifest(pin(at, digest), signal())).to.equal('refused');
    expect(await sourceLayouts().deleteTag(tag('1.0'), signal())).to.equal('refused');
    expect(await targetLayouts().deleteTag(tag('1.0'), signal())).to.equal('deleted');
    expect(await targetLayouts().deleteTag(tag('1.0'), signal())).to.equal('absent');
    expect((await sourceLayouts().content(pin(at, digest), signal()))?.manifest.digest).to.equal(digest);
  });

  it('is asked for its only image without a tag, and otherwise lists its tags in the refusal', async () => {
    const target = targetLayouts();
    const { digest } = await image(target, at, ['1.0']);
    expect(await sourceLayouts().tagDigest(at, signal())).to.equal(digest);
    await image(target, at, ['2.0'], 'two');
    const fault = await faultOf(sourceLayouts().tagDigest(at, signal()));
    expect(fault).to.include({ code: 'InvalidReference' });
    expect(fault.detail).to.contain('1.0, 2.0');
  });

  it('is not a place for what lies elsewhere', async () => {
    const elsewhere = { registry: 'registry.example.com', repository: 'a/b', tag: '1' };
    for (const call of [
      sourceLayouts().content(elsewhere, signal()),
      sourceLayouts().referrers(pin(elsewhere, digestOf('')), signal()),
      sourceLayouts().openBlob(elsewhere, LAYER, 0, signal()),
    ])
      expect(await faultOf(call)).to.include({ code: 'RegistryUnavailable', transient: false });
  });

  it('resumes a blob whose source breaks off', async () => {
    const broken = new Fault({
      code: 'RegistryUnavailable',
      operation: 'read',
      side: 'source',
      transient: true,
      detail: '',
    });
    const asked: number[] = [];
    const source = {
      openBlob: (_at: ImageRef, _blob: unknown, offset: number) => {
        asked.push(offset);
        return Promise.resolve(
          (async function* () {
            yield Buffer.from('a layer').subarray(offset, offset + 3);
            if (asked.length < 3) return Promise.reject(broken);
            yield Buffer.from('a layer').subarray(offset + 3);
          })(),
        );
      },
    };
    const given = { blob: LAYER, source, from: at, to: at, maybeThere: false };
    expect(await targetLayouts().transferBlob(given, signal())).to.equal('copied');
    expect(asked).to.deep.equal([0, 3, 6]);
    expect(await drained(await sourceLayouts().openBlob(at, LAYER, 2, signal()))).to.equal('layer');
    expect((await stat(blobFile(root, LAYER.digest))).size).to.equal(7);
    expect((await pushBlob(targetLayouts(), at, 'a layer')).digest).to.equal(LAYER.digest);
  });
});
