import { expect } from 'chai';
import type { ManifestContent } from '../../../../src/core/model/index.ts';
import {
  copyGraph,
  type CopyProgress,
  type CopyRequest,
  verifyTarget,
} from '../../../../src/core/promotion/copy/copy.ts';
import { faultOf } from '../../../support/twins/registry.ts';
import { createRegistriesTwin, type RegistriesTwin } from '../../../support/twins/registries.ts';
import { gather } from '../graph/fixture.ts';
import { fill, repositoryOf, SIGNATURE, soon, SOURCE, TARGET } from '../images.ts';

const SBOM = 'application/spdx+json';

let twin: RegistriesTwin;
let put: ReturnType<typeof fill>;
const begin = (): void => {
  twin = createRegistriesTwin();
  put = fill(twin);
};

async function copyOf(image: ManifestContent, more: Partial<CopyRequest> = {}): Promise<CopyRequest> {
  const graph = await gather(twin, image);
  twin.calls.length = 0;
  return { graph, source: twin, target: twin, to: repositoryOf(TARGET), targetIsNew: true, ...more };
}

/** An index of two platforms with a referrer of it and of a child, signed by tag. */
function everything(salt = 'web'): ManifestContent {
  const root = put.platforms(salt, ['linux/amd64', 'linux/arm64'], salt);
  put.referrer(root, SBOM);
  put.referrer(twin.peek(SOURCE, root.manifest.manifests[0]!.digest)!, SBOM);
  put.cosign(root.manifest.digest, 'sig', ['ours']);
  return root;
}

const tagOf = ({ manifest }: ManifestContent, kind = 'sig') => `${manifest.digest.replace(':', '-')}.${kind}`;
const signaturesAt = (name: string, tag: string) =>
  twin.peek(name, tag)?.manifest.layers.map(({ annotations }) => annotations[SIGNATURE]);

describe('copying a graph', () => {
  beforeEach(begin);

  it('copies everything unchanged, without a tag of the image', async () => {
    const root = everything();
    await copyGraph(await copyOf(root), soon());
    const { tags, ...rest } = twin.contents(SOURCE);
    delete tags.web;
    expect(twin.contents(TARGET)).to.deep.equal({ ...rest, tags });
    for (const digest of rest.manifests) {
      expect(twin.peek(TARGET, digest)?.bytes).to.deep.equal(twin.peek(SOURCE, digest)?.bytes);
    }
  });

  it('reads nothing in a new repository except signature tags: one request per blob and one per manifest', async () => {
    const request = await copyOf(everything());
    await copyGraph(request, soon());
    const { blobs, manifests, tagged } = request.graph;
    const calls = twin.calls.filter((call) => !call.startsWith('openBlob'));
    expect(calls).to.have.length(blobs.length + manifests.length + 2 * tagged.length);
  });

  it('starts with the largest blob', async () => {
    const request = await copyOf(
      put.image('web', {
        layers: [
          'a',
          'the largest of all layers here, by far, whatever else there is in this image, as long as it takes',
        ],
      }),
      { concurrency: 1 },
    );
    await copyGraph(request, soon());
    const [first] = twin.calls;
    expect(first).to.equal(`transferBlob ${TARGET}@${request.graph.blobs[0]!.digest}`);
  });

  it('only reads on a second copy: a HEAD, a listing per manifest with referrers, a HEAD per tag', async () => {
    const request = await copyOf(everything());
    await copyGraph(request, soon());
    const before = twin.contents(TARGET);
    twin.calls.length = 0;
    const done = await copyGraph({ ...request, targetIsNew: false }, soon());
    expect(twin.contents(TARGET)).to.deep.equal(before);
    expect(twin.calls.map((call) => call.split(' ')[0])).to.have.members([
      'tagDigest',
      'tagDigest',
      'referrers',
      'referrers',
    ]);
    expect(done.bytes).to.equal(0);
    const present = request.graph.blobs.length;
    expect(done.blobs).to.deep.equal({ present, mounted: 0, copied: 0, shared: 0 });
  });

  it('copies only what is missing: the blobs of an existing child are not checked', async () => {
    const root = everything();
    const request = await copyOf(root);
    await copyGraph(request, soon());
    twin.remove(TARGET, root.manifest.digest);
    twin.remove(TARGET, root.manifest.manifests[1]!.digest);
    twin.calls.length = 0;
    await copyGraph({ ...request, targetIsNew: false }, soon());
    expect(twin.count('tagDigest')).to.equal(1 + 2 + 1);
    expect(twin.count('transferBlob')).to.equal(2 + 2); // of the missing child, and of the referrer of the missing index
    expect(twin.count('openBlob')).to.equal(0);
    expect(await verifyTarget(request, soon())).to.include({ state: 'complete' });
  });

  it('pushes a referrer again that exists at the target but is not listed', async () => {
    const image = put.image('web');
    put.referrer(image, SBOM);
    twin.manners('golden.example.org', { referrersApi: false });
    const request = await copyOf(image);
    await copyGraph(request, soon());
    twin.remove(TARGET, image.manifest.digest.replace(':', '-'));
    expect(await verifyTarget(request, soon())).to.include({ state: 'short' });
    await copyGraph({ ...request, targetIsNew: false }, soon());
    expect(await verifyTarget(request, soon())).to.include({ state: 'complete' });
  });

  it('mounts blobs within one registry', async () => {
    const request = await copyOf(everything(), { to: repositoryOf('registry.example.com/golden/web') });
    const done = await copyGraph(request, soon());
    expect(done.blobs).to.deep.include({ mounted: request.graph.blobs.length, copied: 0 });
    expect(done.bytes).to.equal(0);
  });

  it('reports progress in numbers that only grow', async () => {
    const calls: CopyProgress[] = [];
    const request = await copyOf(everything(), { onProgress: (progress) => calls.push(progress) });
    const { keptTags, refused, rootIsLeft, ...done } = await copyGraph(request, soon());
    expect({ keptTags, refused, rootIsLeft }).to.deep.equal({ keptTags: [], refused: [], rootIsLeft: false });
    const bytes = calls.map((one) => one.bytes);
    expect(bytes).to.deep.equal([...bytes].sort((a, b) => a - b));
    expect(calls.at(-1)).to.deep.equal(done);
    const { blobs } = request.graph;
    expect(done.bytes).to.equal(blobs.reduce((sum, { size }) => sum + size, 0));
    expect(done.blobs.copied).to.equal(blobs.length);
  });

  it('ends with the first Fault, waits for open requests, and does not affect another image', async () => {
    const broken = await copyOf(everything('broken'));
    const sound = await copyOf(put.image('sound'));
    const [largest, next] = broken.graph.blobs;
    twin.hold(`transferBlob ${TARGET}@${largest!.digest}`);
    twin.fail(`transferBlob ${TARGET}@${next!.digest}`, faultOf('RegistryUnavailable'));
    const [outcome, other] = await Promise.all([
      copyGraph(broken, soon()).catch((error: unknown) => error),
      copyGraph(sound, soon()),
    ]);
    expect(outcome).to.include({ name: 'Fault', code: 'RegistryUnavailable' });
    expect(other.blobs.copied).to.equal(sound.graph.blobs.length);
    expect(twin.peek(TARGET, sound.graph.root.manifest.digest)).not.to.equal(undefined);
    expect(twin.peek(TARGET, broken.graph.root.manifest.digest)).to.equal(undefined);
  });

  it('ends with the deadline of its caller', async () => {
    const request = await copyOf(everything());
    const outcome = await copyGraph(request, AbortSignal.abort()).catch((error: unknown) => error);
    expect(outcome).to.include({ name: 'Fault', code: 'DeadlineExceeded' });
  });
});

describe('tags of cosign at the target', () => {
  beforeEach(begin);

  for (const targetIsNew of [false, true])
    it(`keep the signatures of others, and get ours once, ${targetIsNew ? 'also when the target was taken as new' : 'when the target may have some'}`, async () => {
      const root = everything();
      fill(twin, TARGET).cosign(root.manifest.digest, 'sig', ['theirs', 'both']);
      put.cosign(root.manifest.digest, 'sig', ['both', 'ours']);
      const request = await copyOf(root, { targetIsNew });
      await copyGraph(request, soon());
      expect(signaturesAt(TARGET, tagOf(root))).to.deep.equal(['theirs', 'both', 'ours']);
      const { state, counts } = await verifyTarget(request, soon());
      expect({ state, ...counts }).to.deep.equal({ state: 'complete', found: 3, carried: 3, leftByRule: 0 });
      const before = twin.contents(TARGET);
      await copyGraph(request, soon());
      expect(twin.contents(TARGET)).to.deep.equal(before);
    });

  it('have a config that lists every layer', async () => {
    const root = everything();
    fill(twin, TARGET).cosign(root.manifest.digest, 'sig', ['theirs']);
    await copyGraph(await copyOf(root, { targetIsNew: false }), soon());
    const { config, layers } = twin.peek(TARGET, tagOf(root))!.manifest;
    const bytes = await twin.blob(repositoryOf(TARGET), config!, 10_000, soon());
    const read = JSON.parse(Buffer.from(bytes!).toString()) as {
      rootfs: { diff_ids: string[] };
      history: unknown[];
    };
    expect(read.rootfs.diff_ids).to.deep.equal(layers.map(({ digest }) => digest));
    expect(read.history).to.have.length(layers.length);
  });

  it('keep the SBOM of the target, because readers expect only one', async () => {
    const image = put.image('web');
    put.cosign(image.manifest.digest, 'sbom', ['ours']);
    fill(twin, TARGET).cosign(image.manifest.digest, 'sbom', ['theirs']);
    const request = await copyOf(image, { targetIsNew: false });
    await copyGraph(request, soon());
    expect(signaturesAt(TARGET, tagOf(image, 'sbom'))).to.deep.equal(['theirs']);
    const { state, counts } = await verifyTarget(request, soon());
    expect({ state, ...counts }).to.deep.equal({ state: 'complete', found: 1, carried: 0, leftByRule: 1 });
  });
});

describe('counting at the target', () => {
  beforeEach(begin);

  const losses: readonly [string, (root: ManifestContent) => string][] = [
    ['the image', ({ manifest }) => manifest.digest],
    ['a signature', (root) => tagOf(root)],
  ];
  for (const [what, lost] of losses) {
    it(`P03 is CopyIncomplete when ${what} is missing`, async () => {
      const root = everything();
      const request = await copyOf(root);
      await copyGraph(request, soon());
      twin.remove(TARGET, lost(root));
      const arrived = await verifyTarget(request, soon());
      expect(arrived).to.nested.include({ state: 'short', 'reason.code': 'CopyIncomplete' });
    });
  }

  it('reports how many of how many attachments exist', async () => {
    const root = everything();
    const request = await copyOf(root);
    await copyGraph(request, soon());
    twin.remove(TARGET, request.graph.attachments[0]!.digest!);
    const { state, counts } = await verifyTarget(request, soon());
    expect({ state, ...counts }).to.deep.equal({ state: 'short', found: 3, carried: 2, leftByRule: 0 });
  });

  it('P03 reports a missing child when it checks every one', async () => {
    const root = everything();
    const request = await copyOf(root);
    await copyGraph(request, soon());
    twin.remove(TARGET, root.manifest.manifests[1]!.digest);
    expect(await verifyTarget({ ...request, thorough: true }, soon())).to.include({ state: 'short' });
  });

  it('P24 reports a blob that the target confirmed and did not keep when it checks every one', async () => {
    const request = await copyOf(everything());
    await copyGraph(request, soon());
    const { digest } = request.graph.blobs.at(-1)!;
    twin.remove(TARGET, digest);
    const arrived = await verifyTarget({ ...request, thorough: true }, soon());
    expect(arrived).to.nested.include({ state: 'short', 'reason.code': 'CopyIncomplete' });
    expect(arrived.reason?.detail).to.include(digest);
  });

  it('throws a Fault when the target cannot be read', async () => {
    const request = await copyOf(everything());
    await copyGraph(request, soon());
    twin.fail(`referrers ${TARGET}`, faultOf('RegistryDenied'));
    const outcome = await verifyTarget(request, soon()).catch((error: unknown) => error);
    expect(outcome).to.include({ name: 'Fault', code: 'RegistryDenied' });
  });
});
