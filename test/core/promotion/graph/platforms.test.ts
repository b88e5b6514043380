import { expect } from 'chai';
import { digestOf, type Descriptor, type ManifestContent } from '../../../../src/core/model/index.ts';
import { countAttachments, type Graph } from '../../../../src/core/promotion/graph/graph.ts';
import { gatherGraph, type Gathered } from '../../../../src/core/promotion/graph/gather.ts';
import { createRegistriesTwin, type RegistriesTwin } from '../../../support/twins/registries.ts';
import { describedBy, fill, pinned, soon, SOURCE } from '../images.ts';

const SBOM = 'application/spdx+json';

let twin: RegistriesTwin;
let put: ReturnType<typeof fill>;

function ask(
  image: ManifestContent,
  keep: readonly string[],
  missing: 'Fail' | 'Skip' = 'Fail',
): Promise<Gathered> {
  const at = { image: pinned(SOURCE, image.manifest.digest), source: twin };
  return gatherGraph(
    {
      ...at,
      kind: 'promote',
      attachments: { carry: 'All', artifactTypes: [], lifecycle: false },
      platforms: { keep, missing },
    },
    soon(),
  );
}

async function gather(...asked: Parameters<typeof ask>): Promise<Graph> {
  const gathered = await ask(...asked);
  if (gathered.state === 'refused') throw new Error(gathered.reason.code);
  return gathered.graph;
}

const platformsOf = ({ root }: Graph) =>
  root.manifest.manifests.map(({ platform }) => `${platform?.os ?? ''}/${platform?.architecture ?? ''}`);

describe('the platforms that are kept', () => {
  beforeEach(() => {
    twin = createRegistriesTwin();
    put = fill(twin);
  });

  const all = ['linux/amd64', 'linux/arm64', 'linux/arm/v6', 'linux/arm/v7'];

  it('are all platforms when none is named, and the index stays unchanged', async () => {
    const root = put.platforms('web', all);
    const graph = await gather(root, []);
    expect(graph.root).to.deep.equal(root);
    expect(graph.root.manifest.digest).to.equal(graph.image.digest);
  });

  it('leave an index unchanged that has no other platform', async () => {
    const root = put.platforms('web', ['linux/amd64', 'linux/arm64']);
    const graph = await gather(root, ['linux/arm64/v8', 'linux/amd64']);
    expect(graph.root).to.deep.equal(root);
    expect(graph.root.manifest.digest).to.equal(graph.image.digest);
  });

  it('otherwise make a new index, always the same one, with all other fields of the old one', async () => {
    const children = put.platforms('web', all).manifest.manifests;
    const root = put.index(children, { annotations: { 'org.opencontainers.image.version': '1.2' } });
    const [graph, again] = [await gather(root, ['linux/amd64']), await gather(root, ['linux/amd64'])];
    expect(graph.root.manifest.digest).not.to.equal(graph.image.digest);
    expect(graph.root.manifest.digest).not.to.equal(root.manifest.digest);
    expect(graph.root.manifest.digest).to.equal(again.root.manifest.digest);
    expect(graph.root.manifest.annotations).to.deep.equal(root.manifest.annotations);
    expect(platformsOf(graph)).to.deep.equal(['linux/amd64']);
    expect(graph.manifests).to.have.length(2);
  });

  it('include every variant when none is named, and only the named one otherwise', async () => {
    const root = put.platforms('web', all);
    expect((await gather(root, ['linux/arm'])).root.manifest.manifests).to.have.length(2);
    const only = (await gather(root, ['linux/arm/v6'])).root.manifest.manifests;
    expect(only.map(({ platform }) => platform?.variant)).to.deep.equal(['v6']);
  });

  it('keep the attestation manifests of BuildKit about them, and no others', async () => {
    const [a, b] = [put.image('a'), put.image('b', { platform: 'linux/arm64' })];
    const about = ({ manifest }: ManifestContent, text: string) =>
      describedBy(put.image(text), {
        platform: { os: 'unknown', architecture: 'unknown' },
        annotations: {
          'vnd.docker.reference.type': 'attestation-manifest',
          'vnd.docker.reference.digest': manifest.digest,
        },
      });
    const root = put.index([
      describedBy(a, { platform: { os: 'linux', architecture: 'amd64' } }),
      describedBy(b, { platform: { os: 'linux', architecture: 'arm64' } }),
      about(a, 'about a'),
      about(b, 'about b'),
    ]);
    expect(platformsOf(await gather(root, ['linux/arm64']))).to.deep.equal([
      'linux/arm64',
      'unknown/unknown',
    ]);
  });

  it('W04: are read from the config of a child that names none', async () => {
    const [amd, arm] = [put.image('a'), put.image('b', { platform: 'linux/arm64' })];
    const root = put.index([describedBy(amd), describedBy(arm)]);
    const kept = (await gather(root, ['linux/arm64'])).root.manifest.manifests;
    expect(kept.map(({ digest }) => digest)).to.deep.equal([arm.manifest.digest]);
  });

  it('M32: are unknown, and none is left out, where a config has too many values', async () => {
    const many = put.image('a', {
      platform: 'linux/arm64',
      more: { list: Array.from({ length: 20_000 }, () => 0) },
    });
    const root = put.index([describedBy(many), describedBy(put.image('b'))]);
    const error = await gather(root, ['linux/amd64']).catch((thrown: unknown) => thrown);
    expect(error).to.include({ code: 'LimitExceeded', transient: false });
  });

  it('W04: do not include an image that only claims to be statements about one of them', async () => {
    const [amd, evil] = [put.image('a'), put.image('b', { platform: 'linux/arm64' })];
    const annotations = {
      'vnd.docker.reference.type': 'attestation-manifest',
      'vnd.docker.reference.digest': amd.manifest.digest,
    };
    const root = put.index([
      describedBy(amd, { platform: { os: 'linux', architecture: 'amd64' } }),
      describedBy(evil, { platform: { os: 'linux', architecture: 'arm64' }, annotations }),
    ]);
    expect(platformsOf(await gather(root, ['linux/amd64']))).to.deep.equal(['linux/amd64']);
  });

  it('are found in nested indexes, which are kept whole', async () => {
    const nested = put.platforms('nested', ['linux/arm64', 'linux/s390x']);
    const root = put.index([...put.platforms('web', all).manifest.manifests, describedBy(nested)]);
    const graph = await gather(root, ['linux/amd64', 'linux/s390x']);
    expect(graph.missingPlatforms).to.deep.equal([]);
    expect(graph.root.manifest.manifests).to.have.length(2);
  });

  it('W05: are refused where it cannot be known which image runs', async () => {
    const [amd, evil] = [put.image('a'), put.image('b')];
    const root = put.index([
      describedBy(amd, { platform: { os: 'linux', architecture: 'amd64' } }),
      describedBy(evil, { platform: { os: 'linux', architecture: 'x86_64' } }),
    ]);
    expect(await ask(root, ['linux/amd64'])).to.nested.include({ 'reason.code': 'AmbiguousIndex' });
  });

  it('leave out attachments of the whole index, and copy those of a kept child', async () => {
    const root = put.platforms('web', ['linux/amd64', 'linux/arm64']);
    const [kept, dropped] = root.manifest.manifests.map(({ digest }) => twin.peek(SOURCE, digest)!);
    put.referrer(root, SBOM);
    put.cosign(root.manifest.digest, 'sig', ['a']);
    const onKept = put.referrer(kept!, SBOM);
    put.cosign(kept!.manifest.digest, 'sig', ['b']);
    put.referrer(dropped!, SBOM);
    const graph = await gather(root, ['linux/amd64']);
    expect(graph.attachments.filter(({ left }) => left === 'IndexRebuilt')).to.have.length(2);
    expect(countAttachments(graph)).to.deep.equal({ found: 4, carried: 2, leftByRule: 2 });
    expect(graph.manifests.map(({ manifest }) => manifest.digest)).to.include(onKept.manifest.digest);
    expect(graph.tagged.map(({ of }) => of)).to.deep.equal([kept!.manifest.digest]);
  });

  it('refuse an index that lacks one', async () => {
    const root = put.platforms('web', ['linux/amd64']);
    expect(await ask(root, ['linux/amd64', 'linux/s390x'])).to.nested.include({
      'reason.code': 'PlatformMissing',
    });
  });

  it('allow a missing one with Skip, and report it', async () => {
    const root = put.platforms('web', ['linux/amd64', 'linux/arm64']);
    const graph = await gather(root, ['linux/amd64', 'linux/s390x'], 'Skip');
    expect(graph.missingPlatforms).to.deep.equal(['linux/s390x']);
    expect(platformsOf(graph)).to.deep.equal(['linux/amd64']);
  });

  /** An index of two platforms with statements about the first; what is named is gone. */
  function cleaned(...names: readonly ('amd64' | 'arm64' | 'statements')[]): ManifestContent {
    const image = put.image('a');
    const annotations = {
      'vnd.docker.reference.type': 'attestation-manifest',
      'vnd.docker.reference.digest': names.includes('amd64') ? digestOf('amd64') : image.manifest.digest,
    };
    const gone = (name: (typeof names)[number], entry: Descriptor): Descriptor =>
      names.includes(name) ? { ...entry, digest: digestOf(name) } : entry;
    const nowhere = { platform: { os: 'unknown', architecture: 'unknown' } };
    const platform = (architecture: string) => ({ platform: { os: 'linux', architecture } });
    return put.index([
      gone('amd64', describedBy(image, platform('amd64'))),
      gone('arm64', describedBy(put.image('b', { platform: 'linux/arm64' }), platform('arm64'))),
      gone('statements', describedBy(put.image('c'), { ...nowhere, annotations })),
    ]);
  }

  it('P23 leave out statements that are gone', async () => {
    const graph = await gather(cleaned('statements'), ['linux/amd64']);
    expect(graph.root.manifest.manifests.map(({ platform }) => platform?.architecture)).to.deep.equal([
      'amd64',
    ]);
    expect(await ask(cleaned('statements'), [])).to.nested.include({ 'reason.code': 'ImageNotFound' });
  });

  it('P23 leave out a platform that is gone with Skip, and report it', async () => {
    const root = cleaned('arm64');
    const graph = await gather(root, ['linux/amd64', 'linux/arm64'], 'Skip');
    expect(graph.missingPlatforms).to.deep.equal(['linux/arm64']);
    expect(graph.root.manifest.manifests).to.have.length(2);
    expect(await ask(root, ['linux/amd64', 'linux/arm64'])).to.nested.include({
      'reason.code': 'ImageNotFound',
    });
  });

  it('P23 refuse an index of which all platforms are gone, also with Skip', async () => {
    const kept = ['linux/amd64', 'linux/arm64'];
    const refused = await ask(cleaned('amd64', 'arm64'), kept, 'Skip');
    expect(refused).to.nested.include({ 'reason.code': 'PlatformMissing' });
  });

  it('refuse an index that has none of them, also with Skip', async () => {
    const root = put.platforms('web', ['linux/amd64']);
    expect(await ask(root, ['linux/s390x'], 'Skip')).to.nested.include({ 'reason.code': 'PlatformMissing' });
  });

  it('are read from the config of an image without index', async () => {
    const image = put.image('web', { platform: 'linux/arm64' });
    expect((await gather(image, ['linux/arm64'])).root).to.deep.equal(image);
    expect(await ask(image, ['linux/amd64'])).to.nested.include({ 'reason.code': 'PlatformMissing' });
    expect((await gather(image, ['linux/arm64', 'linux/amd64'], 'Skip')).missingPlatforms).to.deep.equal([
      'linux/amd64',
    ]);
  });

  it('are not read from an artifact that is not an image', async () => {
    const chart = put.referrer(put.image('web'), 'application/vnd.cncf.helm.config.v1+json');
    expect((await gather(chart, ['linux/amd64'])).root).to.deep.equal(chart);
  });
});
