import { expect } from 'chai';
import { digestOf, parseDigest, type ImageRef, type PinnedRef } from '../../../src/core/model/index.ts';
import type {
  BlobSource,
  ManifestSource,
  ReferrerSource,
  TagSource,
} from '../../../src/core/evidence/ports.ts';

/** What the ports are to give back, put into whatever stands behind them. */
export interface Prepared {
  readonly source: ManifestSource & ReferrerSource & BlobSource & TagSource;
  /** A repository with one image under the tags `1.0` and `1.1`, and nothing else tagged. */
  readonly repository: ImageRef;
  /** Digest of that image. */
  readonly image: string;
  /** Digest of the one thing that refers to it; its artifact type is `application/vnd.example.note`. */
  readonly referrer: string;
  /** Text of a layer of that thing. */
  readonly text: string;
  readonly done: () => Promise<void>;
}

/** Says of anything that stands behind the ports of verification what verification counts on. */
export function describeRegistryPorts(name: string, prepare: () => Promise<Prepared>): void {
  describe(`the registry ports, by ${name}`, () => {
    let at: Prepared;
    before(async () => {
      at = await prepare();
    });
    after(() => at.done());
    const signal = (): AbortSignal => AbortSignal.timeout(50_000);
    const pinned = (digest: string): PinnedRef => {
      const { registry, repository } = at.repository;
      return { registry, repository, digest: parseDigest(digest) ?? digestOf('') };
    };
    const tag = (name: string): ImageRef => ({ ...at.repository, tag: name });

    it('return a manifest by tag and by digest, with its digest', async () => {
      for (const ref of [tag('1.0'), pinned(at.image), { ...pinned(at.image), tag: 'nowhere' }]) {
        expect((await at.source.manifest(ref, signal()))?.digest).to.equal(at.image);
      }
    });

    it('return the digest of a tag', async () => {
      expect(await at.source.tagDigest(tag('1.1'), signal())).to.equal(at.image);
    });

    it('return undefined for a missing object', async () => {
      const nothing = { ...at.repository, repository: 'shop/nothing' };
      expect(await at.source.manifest(tag('none'), signal())).to.equal(undefined);
      expect(await at.source.manifest(pinned(digestOf('none')), signal())).to.equal(undefined);
      expect(await at.source.tagDigest(tag('none'), signal())).to.equal(undefined);
      expect(await at.source.tags(nothing, signal())).to.equal(undefined);
      const blob = { mediaType: 'a/b', digest: digestOf('none'), size: 4, annotations: {} };
      expect(await at.source.blob(at.repository, blob, 100, signal())).to.equal(undefined);
    });

    it('list the referrers of an image, and an empty list without referrers', async () => {
      const found = await at.source.referrers(pinned(at.image), signal());
      expect(found.map(({ digest }) => digest)).to.deep.equal([at.referrer]);
      expect(found[0]).to.include({ artifactType: 'application/vnd.example.note' });
      expect(await at.source.referrers(pinned(digestOf('none')), signal())).to.deep.equal([]);
    });

    it('return a whole blob, and refuse one that is too large', async () => {
      const layer = (await at.source.manifest(pinned(at.referrer), signal()))?.layers[0];
      if (layer === undefined) throw new Error('the referrer has no layer');
      const bytes = await at.source.blob(at.repository, layer, layer.size, signal());
      expect(Buffer.from(bytes ?? []).toString()).to.equal(at.text);
      const outcome = await at.source
        .blob(at.repository, layer, layer.size - 1, signal())
        .catch((e: unknown) => e);
      expect(outcome).to.include({ name: 'Fault', code: 'LimitExceeded' });
    });

    it('list tags', async () => {
      expect(await at.source.tags(at.repository, signal())).to.include.members(['1.0', '1.1']);
    });

    it('throw a Fault when the signal of the caller aborts', async () => {
      const outcome = await at.source.manifest(tag('1.0'), AbortSignal.abort()).catch((e: unknown) => e);
      expect(outcome).to.include({ name: 'Fault', code: 'DeadlineExceeded', transient: true });
    });
  });
}
