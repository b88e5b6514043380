import { expect } from 'chai';
import fc from 'fast-check';
import { listRunnable } from '../../../src/core/evidence/index.ts';
import { parseManifest, unknown, type Digest, type Manifest } from '../../../src/core/model/index.ts';
import { anyTree } from '../../support/indexes/trees.ts';
import { containerdMayPick, crioMayPick } from '../../support/indexes/runtimes.ts';
import { buildIndex, ODD_INDEXES, type Child } from '../../support/indexes/shapes.ts';

const AMD64 = { os: 'linux', architecture: 'amd64' };
const image = (name: string): Child => ({ image: name, config: AMD64, platform: AMD64 });

/** The names of the images that are listed, or the code of the reason why there is no list. */
async function list(
  children: readonly Child[],
  gone: readonly string[] = [],
): Promise<readonly string[] | string> {
  const built = buildIndex(children);
  const manifests = new Map(built.manifests.map((one) => [one.digest, parse(one)]));
  const names = new Map([...built.images].map(([name, digest]) => [digest, name]));
  const read = (digest: Digest) =>
    gone.includes(names.get(digest) ?? '') ? undefined : manifests.get(digest);
  const listed = await listRunnable(manifests.get(built.root)!, ({ digest }) =>
    Promise.resolve(read(digest)),
  );
  return 'state' in listed ? listed.reason.code : listed.map(({ digest }) => names.get(digest) ?? digest);
}

function parse({ bytes, digest, mediaType }: ReturnType<typeof buildIndex>['manifests'][number]): Manifest {
  const read = parseManifest(bytes, digest, mediaType);
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  return read.value;
}

describe('the images that a runtime could pick from an index', () => {
  for (const { title, children, isRefused } of ODD_INDEXES)
    it(`${isRefused ? 'W05' : 'W04'}: ${title}: ${isRefused ? 'is refused' : 'is listed'}`, async () => {
      const listed = await list(children);
      if (isRefused) expect(listed).to.equal('AmbiguousIndex');
      else expect(listed).to.include('evil').and.not.to.include('statements');
    });

  it('name the platform of the nearest entry that has one, and the index that lists them', async () => {
    const { manifests, root, images } = buildIndex([
      { children: [{ image: 'a', config: AMD64 }], platform: { ...AMD64, variant: 'v3' } },
      { image: 'b', config: AMD64 },
    ]);
    const byDigest = new Map(manifests.map((one) => [one.digest, parse(one)]));
    const listed = await listRunnable(byDigest.get(root)!, ({ digest }) =>
      Promise.resolve(byDigest.get(digest)),
    );
    if ('state' in listed) throw new Error(listed.reason.detail);
    expect(listed.map(({ digest, platform }) => [digest, platform])).to.have.deep.members([
      [images.get('a'), 'linux/amd64/v3'],
      [images.get('b'), ''],
    ]);
    expect(listed.map(({ listedBy }) => listedBy.manifests.length)).to.have.members([1, 2]);
  });

  it('W04: are listed also where they are not there yet', async () => {
    expect(await list([image('a'), image('evil')], ['evil'])).to.deep.equal(['a', 'evil']);
  });

  it('W05: are refused where one of another kind is listed, also if it is not there', async () => {
    const odd = { ...image('evil'), mediaType: 'application/vnd.oci.artifact.manifest.v1+json' };
    expect(await list([image('a'), odd], ['evil'])).to.equal('AmbiguousIndex');
  });

  it('W05: are unknown where a child cannot be read', async () => {
    const { manifests, root } = buildIndex([image('a')]);
    const index = parse(manifests.find(({ digest }) => digest === root)!);
    const down = unknown('RegistryUnavailable', 'connection refused', true);
    expect(await listRunnable(index, () => Promise.resolve(down))).to.equal(down);
  });

  const nest = (depth: number): Child => (depth === 0 ? image('deep') : { children: [nest(depth - 1)] });
  const many = (count: number): readonly Child[] => Array.from({ length: count }, (_, at) => image(`i${at}`));
  for (const [what, children, expected] of [
    ['64 images', many(64), 64],
    ['more than 64 images', many(65), 'LimitExceeded'],
    ['more than 64 images on two levels', [...many(40), { children: many(65).slice(40) }], 'LimitExceeded'],
    ['seven levels of indexes below the first', [nest(7)], 1],
    ['more levels', [nest(8)], 'LimitExceeded'],
    [
      'more than 32 indexes on one level',
      Array.from({ length: 33 }, (_, at) => ({ children: [image(`i${at}`)] })),
      'LimitExceeded',
    ],
    ['nothing', [], 0],
  ] as const)
    it(`W05: end at a limit: ${what}`, async () => {
      const listed = await list(children);
      expect(typeof listed === 'string' ? listed : listed.length).to.equal(expected);
    });

  it('W06: are all that containerd and CRI-O may pick, for any tree and any node', async () => {
    const nodes = ['amd64', 'arm64', 'arm', '386'].flatMap((architecture) => [
      { os: 'linux', architecture },
      { os: 'windows', architecture },
    ]);
    await fc.assert(
      fc.asyncProperty(fc.array(anyTree, { maxLength: 5 }), async (children) => {
        const listed = await list(children);
        if (typeof listed === 'string') {
          expect(listed).to.equal('AmbiguousIndex');
          return;
        }
        const picked = nodes.flatMap((node) => [
          ...containerdMayPick(children, node),
          ...crioMayPick(children, node),
        ]);
        expect(picked.filter((one) => !listed.includes(one))).to.deep.equal([]);
      }),
      { numRuns: 500 },
    );
  });
});
