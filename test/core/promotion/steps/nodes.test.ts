import { expect } from 'chai';
import {
  digestOf,
  errorCode,
  MEDIA_TYPE,
  type Descriptor,
  type Digest,
  type Manifest,
} from '../../../../src/core/model/index.ts';
import { MAX_NODES, nodesOf } from '../../../../src/core/promotion/graph/nodes.ts';
import { markEach } from '../../../../src/core/promotion/graph/nodes.ts';

const list = (digest: Digest): Descriptor => ({
  mediaType: MEDIA_TYPE.ociManifest,
  digest,
  size: 1,
  annotations: {},
});
const manifestOf = (name: string, children: readonly Digest[] = []): Manifest => ({
  ...{ digest: digestOf(name), mediaType: MEDIA_TYPE.ociIndex, size: 1, annotations: {}, layers: [] },
  manifests: children.map(list),
});

describe('the manifests of an image that are marked', () => {
  it('W02: are marked before the image itself, which is left unmarked when one of them fails', async () => {
    const [root, a, b] = [manifestOf('root'), manifestOf('a'), manifestOf('b')];
    const nodes = [root, a, b].map((manifest) => ({ manifest, isPicked: true }));
    const marked: Digest[] = [];
    const mark = (failing?: Manifest) => (about: Manifest) => {
      if (about === failing) return Promise.reject(new Error('killed'));
      marked.push(about.digest);
      return Promise.resolve();
    };
    const isMarked = ({ digest }: Manifest) => Promise.resolve(marked.includes(digest));
    await markEach(nodes, isMarked, mark(b)).catch(() => undefined);
    expect(marked).to.deep.equal([a.digest]);
    expect(await markEach(nodes, isMarked, mark())).to.equal(true);
    expect(marked).to.deep.equal([a, b, root].map(({ digest }) => digest));
    expect(await markEach(nodes, isMarked, mark(root))).to.equal(false);
  });

  it('W02: are marked again below an image that is marked, where a mark is gone', async () => {
    const [root, a, b] = [manifestOf('root'), manifestOf('a'), manifestOf('b')];
    const nodes = [root, a, b].map((manifest) => ({ manifest, isPicked: true }));
    const marked: Manifest[] = [];
    const mark = (about: Manifest) => Promise.resolve(marked.push(about));
    const looked: Manifest[] = [];
    const isMarked = (about: Manifest) => {
      looked.push(about);
      return Promise.resolve(about !== b);
    };
    expect(await markEach(nodes, isMarked, mark)).to.equal(true);
    expect(looked).to.deep.equal([root, a, b]);
    expect(marked).to.deep.equal([b]);
  });

  for (const [count, isTooMuch] of [
    [MAX_NODES - 1, false],
    [MAX_NODES, true],
  ] as const)
    it(`W05: end at a limit: ${count} below the index`, async () => {
      const children = Array.from({ length: count }, (_, at) => digestOf(String(at)));
      const read = (digest: Digest) => Promise.resolve({ ...manifestOf(''), digest });
      const listing = nodesOf(manifestOf('root', children), read);
      const found = await listing.then(
        (nodes) => nodes.length,
        (error: unknown) => errorCode(error),
      );
      expect(found).to.equal(isTooMuch ? 'LimitExceeded' : MAX_NODES);
    });
});
