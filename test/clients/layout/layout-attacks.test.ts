import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { digestOf, MEDIA_TYPE, pin, type ImageRef } from '../../../src/core/model/index.ts';
import type { TemporaryFolder } from '../../support/temporary-folder.ts';
import {
  blobFile,
  faultOf,
  filesIn,
  image,
  imageTexts,
  indexOf,
  place,
  signal,
  sourceLayouts,
  targetLayouts,
  writeLayout,
  LAYER,
  openPlace,
} from './layout-fixture.ts';

describe('A folder in the OCI image layout', () => {
  let folder: TemporaryFolder;
  let root: string;
  let at: ImageRef;
  const { manifest, blobs, entry } = imageTexts();
  const tag = (name: string): ImageRef => ({ ...at, tag: name });
  beforeEach(async () => {
    ({ folder, root, at } = await openPlace());
  });
  afterEach(() => folder.remove());

  describe('leads nowhere else', () => {
    for (const linked of [
      'index.json',
      'oci-layout',
      `blobs/sha256/${entry.digest.slice(7)}`,
      'blobs',
      'blobs/sha256',
    ]) {
      it(`B29 when ${linked.slice(0, 20)} is a symbolic link, which is not followed`, async () => {
        await writeLayout(root, { index: indexOf({ ...entry, name: '1.0' }), blobs });
        const [here, there] = [join(root, linked), join(folder.path, 'elsewhere')];
        await rename(here, there);
        await symlink(there, here);
        expect(await faultOf(sourceLayouts().content(tag('1.0'), signal()))).to.include({
          code: 'UntrustedEndpoint',
          transient: false,
        });
      });
    }

    it('B29 when its folder of blobs is a link, also nothing is written there', async () => {
      await writeLayout(root, { index: indexOf(), blobs: [] });
      const there = join(folder.path, 'elsewhere');
      await mkdir(there);
      await rm(join(root, 'blobs', 'sha256'), { recursive: true });
      await symlink(there, join(root, 'blobs', 'sha256'));
      const written = targetLayouts().pushBlob(at, Buffer.from('a blob'), signal());
      expect(await faultOf(written)).to.include({ code: 'UntrustedEndpoint' });
      expect(await readdir(there)).to.deep.equal([]);
    });

    it('B29 when a blob to be written is a link already, the link is replaced and its end stays as it is', async () => {
      await writeLayout(root, { index: indexOf(), blobs: [] });
      const there = await folder.write('elsewhere', 'other bytes');
      await symlink(there, blobFile(root, LAYER.digest));
      const written = targetLayouts().pushBlob(at, Buffer.from('a layer'), signal());
      expect(await faultOf(written)).to.include({ code: 'UntrustedEndpoint' });
      expect(await readFile(there, 'utf8')).to.equal('other bytes');
    });

    it('B29 with names of digests that are paths, an index names nothing at all', async () => {
      const names: readonly unknown[] = [
        'sha256:../../../etc/passwd',
        `sha256:${'A'.repeat(64)}`,
        '../x',
        'sha256:',
        7,
      ];
      for (const digest of names) {
        await writeLayout(root, { index: indexOf({ ...entry, ...{ digest }, name: '1.0' }), blobs });
        expect(await faultOf(sourceLayouts().content(tag('1.0'), signal()))).to.include({
          code: 'RegistryMisbehaved',
        });
      }
    });
  });

  describe('gives no bytes but those that are named', () => {
    it('B30 when a manifest has other bytes, which read well and are as many', async () => {
      await writeLayout(root, { index: indexOf({ ...entry, name: '1.0' }), blobs });
      await writeFile(blobFile(root, entry.digest), manifest.replace('layer.v1.tar', 'layer.v2.tar'));
      for (const ref of [tag('1.0'), pin(at, digestOf(manifest))])
        expect(await faultOf(sourceLayouts().content(ref, signal()))).to.include({
          code: 'RegistryMisbehaved',
        });
    });

    it('B30 when a blob has other bytes, or more or fewer than are declared', async () => {
      await writeLayout(root, { index: indexOf({ ...entry, name: '1.0' }), blobs });
      const source = sourceLayouts();
      for (const bytes of ['another', 'a layer and more', 'a']) {
        await writeFile(blobFile(root, LAYER.digest), bytes);
        expect((await faultOf(source.blob(at, LAYER, 100, signal()))).code).to.match(
          /RegistryMisbehaved|LimitExceeded/,
        );
        const to = { ...place(folder.path, 'copy') };
        const copied = targetLayouts().transferBlob(
          { blob: LAYER, source, from: at, to, maybeThere: false },
          signal(),
        );
        expect(await faultOf(copied)).to.include({ code: 'RegistryMisbehaved', side: 'source' });
        expect((await filesIn(folder.path)).filter((name) => name.includes('.tmp'))).to.deep.equal([]);
        expect((await filesIn(join(folder.path, 'copy'))).join()).not.to.contain(LAYER.digest.slice(7));
      }
    });

    it('B30 when the size that an entry declares is another one, or its type is', async () => {
      for (const wrong of [{ size: 5 }, { mediaType: MEDIA_TYPE.ociIndex }]) {
        await writeLayout(root, { index: indexOf({ ...entry, ...wrong, name: '1.0' }), blobs });
        expect(await faultOf(sourceLayouts().content(tag('1.0'), signal()))).to.include({
          code: 'RegistryMisbehaved',
        });
      }
    });

    it('B30 when a blob of the target was broken, it is written again', async () => {
      await mkdir(root, { recursive: true });
      const digest = await targetLayouts().pushBlob(at, Buffer.from('a layer'), signal());
      await writeFile(blobFile(root, digest), 'A LAYER');
      expect(await targetLayouts().hasBlob(at, digest, signal())).to.equal(false);
      await targetLayouts().pushBlob(at, Buffer.from('a layer'), signal());
      expect(await readFile(blobFile(root, digest), 'utf8')).to.equal('a layer');
    });

    it('B30 when an image lacks a part, a target counts it as absent and takes no manifest without it', async () => {
      const target = targetLayouts();
      const { digest } = await image(target, at, ['1.0']);
      const content = await target.content(tag('1.0'), signal());
      expect(await target.tagDigest(tag('1.0'), signal())).to.equal(digest);
      await rm(blobFile(root, LAYER.digest));
      expect(await target.tagDigest(tag('1.0'), signal())).to.equal(undefined);
      if (!content) throw new Error('no content');
      expect(await faultOf(target.pushManifest(tag('2.0'), content, signal()))).to.include({
        code: 'RegistryMisbehaved',
        side: 'target',
      });
    });
  });

  describe('is read within limits', () => {
    const broken: readonly (readonly [string, string, string])[] = [
      [
        'has too many entries',
        JSON.stringify(indexOf(...Array.from({ length: 10_001 }, () => entry))),
        'RegistryMisbehaved',
      ],
      ['has too many values', `{"schemaVersion":2,"manifests":[${'0,'.repeat(400_001)}0]}`, 'LimitExceeded'],
      ['is too large', `"${'x'.repeat(16 * 1024 * 1024)}"`, 'LimitExceeded'],
      ['is nested too deeply', `${'['.repeat(1_000)}${']'.repeat(1_000)}`, 'RegistryMisbehaved'],
      ['is no JSON', 'schemaVersion: 2', 'RegistryMisbehaved'],
      ['is another document', '[]', 'RegistryMisbehaved'],
    ];
    for (const [what, index, code] of broken)
      it(`B31 when its index ${what}`, async () => {
        await writeLayout(root, { index });
        expect(await faultOf(sourceLayouts().tags(at, signal()))).to.include({ code, transient: false });
      });

    it('B31 when a pipe or a folder is in the place of a file, nothing waits for it', async () => {
      for (const [path, make] of [
        [join(root, 'index.json'), (file: string) => void execFileSync('mkfifo', [file])],
        [blobFile(root, entry.digest), (file: string) => void execFileSync('mkfifo', [file])],
        [blobFile(root, entry.digest), (file: string) => mkdir(file)],
      ] as const) {
        await writeLayout(root, { index: indexOf({ ...entry, name: '1.0' }), blobs });
        await rm(path);
        await make(path);
        const fault = await faultOf(sourceLayouts().content(tag('1.0'), signal()));
        expect(fault).to.include({ code: 'RegistryMisbehaved' });
        expect(fault.detail).to.contain('is no regular file');
        await rm(root, { recursive: true });
      }
    });

    it('B31 when indexes list each other, each is read once', async () => {
      const inner = JSON.stringify({
        schemaVersion: 2,
        mediaType: MEDIA_TYPE.ociIndex,
        manifests: [entry, entry],
      });
      const listed = { mediaType: MEDIA_TYPE.ociIndex, digest: digestOf(inner), size: inner.length };
      const outer = JSON.stringify({
        schemaVersion: 2,
        mediaType: MEDIA_TYPE.ociIndex,
        manifests: [listed, listed, entry],
      });
      const top = { mediaType: MEDIA_TYPE.ociIndex, digest: digestOf(outer), size: outer.length };
      await writeLayout(root, { index: indexOf(top, listed, entry), blobs: [...blobs, inner, outer] });
      expect(await sourceLayouts().tags(at, signal())).to.deep.equal(['latest']);
      expect(await sourceLayouts().tagDigest(tag('latest'), signal())).to.equal(top.digest);
    });
  });

  describe('names one image by one tag', () => {
    const other = imageTexts('another layer');

    it('B32 and when two have one, that tag is refused with both digests, and the others are read', async () => {
      const index = indexOf(
        { ...entry, name: '1.0' },
        { ...other.entry, name: 'registry.example.com/a/b:1.0' },
        { ...entry, name: '2.0' },
      );
      await writeLayout(root, { index, blobs: [...blobs, ...other.blobs] });
      const fault = await faultOf(sourceLayouts().tagDigest(tag('1.0'), signal()));
      expect(fault).to.include({ code: 'AmbiguousIndex', transient: false });
      expect(fault.detail).to.contain(entry.digest).and.to.contain(other.entry.digest);
      expect(await sourceLayouts().tagDigest(tag('2.0'), signal())).to.equal(entry.digest);
    });

    it('B32 by its case, too, and with an entry twice it is still one', async () => {
      const index = indexOf(
        { ...entry, name: 'V1' },
        { ...other.entry, name: 'v1' },
        { ...entry, name: 'V1' },
      );
      await writeLayout(root, { index, blobs: [...blobs, ...other.blobs] });
      expect(await sourceLayouts().tagDigest(tag('V1'), signal())).to.equal(entry.digest);
      expect(await sourceLayouts().tagDigest(tag('v1'), signal())).to.equal(other.entry.digest);
    });

    it('B32 and what its index names and does not have is a failure, never nothing', async () => {
      await writeLayout(root, { index: indexOf({ ...entry, name: '1.0' }, { ...other.entry }), blobs });
      const source = sourceLayouts();
      const image = pin(at, digestOf(manifest));
      expect(await faultOf(source.referrers(image, signal()))).to.include({ code: 'RegistryMisbehaved' });
      await rm(blobFile(root, entry.digest));
      expect(await faultOf(source.content(tag('1.0'), signal()))).to.include({ code: 'RegistryMisbehaved' });
    });
  });
});
