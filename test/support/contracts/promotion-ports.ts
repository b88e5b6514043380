import { expect } from 'chai';
import {
  digestOf,
  MEDIA_TYPE,
  parseManifest,
  pin,
  type Descriptor,
  type ImageRef,
  type ManifestContent,
} from '../../../src/core/model/index.ts';
import type { TargetRegistry } from '../../../src/core/promotion/index.ts';

/** Registries that hold nothing yet, and what reads and writes them. */
export interface EmptyRegistries {
  readonly registry: TargetRegistry;
  /** A repository, one beside it in the same registry, and one in another registry. */
  readonly home: ImageRef;
  readonly beside: ImageRef;
  readonly abroad: ImageRef;
  /** How a blob comes to the repository beside; absent = it is mounted. */
  readonly toBeside?: 'copied';
  readonly done: () => Promise<void>;
}

/** Says of anything that stands behind the ports of promotion what a copy counts on. */
export function describePromotionPorts(name: string, prepare: () => Promise<EmptyRegistries>): void {
  describe(`the ports of promotion, by ${name}`, () => {
    let at: EmptyRegistries;
    beforeEach(async () => {
      at = await prepare();
    });
    afterEach(() => at.done());
    const signal = (): AbortSignal => AbortSignal.timeout(50_000);
    const pushBlob = async (to: ImageRef, text: string): Promise<Descriptor> => {
      const bytes = Buffer.from(text);
      const digest = await at.registry.pushBlob(to, bytes, signal());
      return { mediaType: 'application/octet-stream', digest, size: bytes.byteLength, annotations: {} };
    };
    const manifest = async (to: ImageRef, more: object = {}): Promise<ManifestContent> => {
      const config = { ...(await pushBlob(to, '{}')), mediaType: MEDIA_TYPE.empty };
      const layers = [await pushBlob(to, 'layer')];
      const body = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociManifest, config, layers, ...more };
      const bytes = Buffer.from(JSON.stringify(body, undefined, 1)); // spaces that a copy must keep
      const parsed = parseManifest(bytes, digestOf(bytes), MEDIA_TYPE.ociManifest);
      if (!parsed.ok) throw new Error('not a manifest');
      return { manifest: parsed.value, bytes };
    };
    const transfer = (blob: Descriptor, to: ImageRef, maybeThere = false) => ({
      blob,
      source: at.registry,
      from: at.home,
      to,
      maybeThere,
    });

    it('return the exact bytes of a manifest, by digest and by tag', async () => {
      const pushed = await manifest(at.home);
      const { digest } = pushed.manifest;
      await at.registry.pushManifest(pin(at.home, digest), pushed, signal());
      expect(await at.registry.tagDigest({ ...at.home, tag: '1' }, signal())).to.equal(undefined);
      await at.registry.pushManifest({ ...at.home, tag: '1' }, pushed, signal());
      for (const ref of [pin(at.home, digest), { ...at.home, tag: '1' }]) {
        const content = await at.registry.content(ref, signal());
        expect(Buffer.from(content?.bytes ?? []).equals(pushed.bytes)).to.equal(true);
        expect(await at.registry.tagDigest(ref, signal())).to.equal(digest);
      }
    });

    it('return undefined for a missing manifest or blob', async () => {
      const pushed = await manifest(at.home);
      await at.registry.pushManifest({ ...at.home, tag: '1' }, pushed, signal());
      const nothing = pin(at.home, digestOf('nothing'));
      expect(await at.registry.content(nothing, signal())).to.equal(undefined);
      expect(await at.registry.tagDigest(nothing, signal())).to.equal(undefined);
      const blob = { mediaType: 'a/b', digest: digestOf('nothing'), size: 7, annotations: {} };
      expect(await at.registry.openBlob(at.home, blob, 0, signal())).to.equal(undefined);
      expect(await at.registry.referrers(nothing, signal())).to.deep.equal([]);
    });

    it('read a blob from an offset', async () => {
      const blob = await pushBlob(at.home, 'a blob');
      const pieces: Uint8Array[] = [];
      for await (const piece of (await at.registry.openBlob(at.home, blob, 2, signal())) ?? [])
        pieces.push(piece);
      expect(Buffer.concat(pieces).toString()).to.equal('blob');
    });

    it('copy a blob to another registry with progress for every byte, and detect an existing one', async () => {
      const blob = await pushBlob(at.home, 'a blob');
      let bytes = 0;
      const onBytes = (more: number) => void (bytes += more);
      expect(await at.registry.transferBlob({ ...transfer(blob, at.abroad), onBytes }, signal())).to.equal(
        'copied',
      );
      expect(bytes).to.equal(blob.size);
      expect(await at.registry.transferBlob(transfer(blob, at.abroad, true), signal())).to.equal('present');
      expect(await at.registry.blob(at.abroad, blob, 100, signal())).to.deep.equal(Buffer.from('a blob'));
    });

    it('mount a blob within a registry, if it has such a thing', async () => {
      const blob = await pushBlob(at.home, 'a blob');
      expect(await at.registry.transferBlob(transfer(blob, at.beside), signal())).to.equal(
        at.toBeside ?? 'mounted',
      );
    });

    it('copy a blob once for many callers', async () => {
      const blob = await pushBlob(at.home, 'a blob');
      const asked = [1, 2, 3].map(() => at.registry.transferBlob(transfer(blob, at.abroad), signal()));
      expect((await Promise.all(asked)).sort()).to.deep.equal(['copied', 'shared', 'shared']);
    });

    it('throw a Fault when the source has no such blob, and when the signal is aborted', async () => {
      const blob = { mediaType: 'a/b', digest: digestOf('nothing'), size: 7, annotations: {} };
      const lost = await at.registry
        .transferBlob(transfer(blob, at.abroad), signal())
        .catch((e: unknown) => e);
      expect(lost).to.include({ name: 'Fault', side: 'source', transient: false });
      const late = await at.registry
        .transferBlob(transfer(blob, at.abroad), AbortSignal.abort())
        .catch((e: unknown) => e);
      expect(late).to.include({ name: 'Fault', code: 'DeadlineExceeded' });
    });

    it('list a manifest with a subject, once however often it is pushed', async () => {
      const image = await manifest(at.home);
      await at.registry.pushManifest({ ...at.home, tag: '1' }, image, signal());
      const { mediaType, digest, size } = image.manifest;
      const artifactType = 'application/vnd.example.note';
      const notes = [];
      for (const text of ['a', 'b']) {
        const more = { artifactType, subject: { mediaType, digest, size }, annotations: { text } };
        const note = await manifest(at.home, more);
        notes.push(note.manifest.digest);
        const push = () => at.registry.pushManifest(pin(at.home, note.manifest.digest), note, signal());
        await push();
        await push();
      }
      const listed = await at.registry.referrers(pin(at.home, digest), signal());
      expect(listed.map((one) => one.digest)).to.have.members(notes);
      expect(new Set(listed.map((one) => one.artifactType))).to.deep.equal(new Set([artifactType]));
    });

    it('delete a manifest with its tags, and report when it did not exist', async () => {
      const pushed = await manifest(at.home);
      await at.registry.pushManifest({ ...at.home, tag: '1' }, pushed, signal());
      const image = pin(at.home, pushed.manifest.digest);
      expect(await at.registry.deleteManifest(image, signal())).to.equal('deleted');
      expect(await at.registry.tagDigest({ ...at.home, tag: '1' }, signal())).to.equal(undefined);
      expect(await at.registry.deleteManifest(image, signal())).to.equal('absent');
    });
  });
}
