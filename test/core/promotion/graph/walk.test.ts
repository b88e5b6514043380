import { expect } from 'chai';
import { digestOf } from '../../../../src/core/model/index.ts';
import { countAttachments } from '../../../../src/core/promotion/graph/graph.ts';
import { faultOf } from '../../../support/twins/registry.ts';
import { createRegistriesTwin, type RegistriesTwin } from '../../../support/twins/registries.ts';
import { describedBy, fill, SOURCE } from '../images.ts';
import { ask, digests, gather, lefts } from './fixture.ts';

const SBOM = 'application/spdx+json';
const HOST = 'registry.example.com';

let twin: RegistriesTwin;
let put: ReturnType<typeof fill>;
const begin = (): void => {
  twin = createRegistriesTwin();
  put = fill(twin);
};

describe('a graph with cycles', () => {
  beforeEach(begin);

  it('ends when the child of an index is its subject', async () => {
    const child = put.image('child');
    const root = put.index([describedBy(child)], { subject: describedBy(child) });
    const graph = await gather(twin, root);
    expect(digests(graph)).to.deep.equal([child.manifest.digest, root.manifest.digest]);
    expect(countAttachments(graph).found).to.equal(0);
  });

  it('ends when a listing says that an image refers to itself', async () => {
    const image = put.image('web');
    twin.listAlso(SOURCE, image.manifest.digest, [describedBy(image, { artifactType: SBOM })]);
    expect(digests(await gather(twin, image))).to.deep.equal([image.manifest.digest]);
  });

  it('ends when two listings point to each other', async () => {
    const image = put.image('web');
    const sbom = put.referrer(image, SBOM);
    twin.listAlso(SOURCE, sbom.manifest.digest, [describedBy(image, { artifactType: SBOM })]);
    expect(digests(await gather(twin, image))).to.deep.equal([image.manifest.digest, sbom.manifest.digest]);
  });

  it('copies a referrer once that is also a child of the index', async () => {
    const image = put.image('web');
    const statement = put.referrer(image, 'application/vnd.in-toto+json');
    const root = put.index([describedBy(image), describedBy(statement)]);
    const graph = await gather(twin, root);
    expect(digests(graph)).to.deep.equal([image, statement, root].map(({ manifest }) => manifest.digest));
    expect(countAttachments(graph).found).to.equal(0);
  });

  it('does not read children as referrers when the fallback tag of a digest is the image itself', async () => {
    twin.manners(HOST, { referrersApi: false, tagsAreDigests: true });
    const root = put.platforms('web', ['linux/amd64', 'linux/arm64']);
    const graph = await gather(twin, root);
    expect(digests(graph)).to.have.length(3);
    expect(countAttachments(graph).found).to.equal(0);
    const small = await gather(twin, root, { platforms: { keep: ['linux/amd64'], missing: 'Fail' } });
    expect(countAttachments(small).found).to.equal(0);
  });

  it('leaves out a listed referrer that names another subject', async () => {
    const image = put.image('web');
    const other = put.referrer(put.image('other'), SBOM);
    twin.listAlso(SOURCE, image.manifest.digest, [describedBy(other, { artifactType: SBOM })]);
    const graph = await gather(twin, image);
    expect(digests(graph)).to.deep.equal([image.manifest.digest]);
    expect(lefts(graph)).to.deep.equal(['NoReferrer']);
  });

  it('leaves out a listed referrer that was deleted', async () => {
    const image = put.image('web');
    const gone = {
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      digest: digestOf('gone'),
      size: 4,
      annotations: {},
    };
    twin.listAlso(SOURCE, image.manifest.digest, [gone]);
    expect(lefts(await gather(twin, image))).to.deep.equal(['Gone']);
  });
});

describe('gathering with failures', () => {
  beforeEach(begin);

  const failing = ['content', 'referrers', 'tags', 'fallbackReferrers'];
  for (const operation of failing) {
    for (const code of ['RegistryDenied', 'RegistryRateLimited', 'RegistryUnavailable'] as const) {
      it(`throws ${code} of ${operation} and never reports an empty result`, async () => {
        const image = put.image('web');
        put.referrer(image, SBOM);
        twin.manners(HOST, { referrersApi: false });
        put.referrer(image, SBOM, { text: 'listed by tag' });
        twin.manners(HOST, { referrersApi: true });
        twin.fail(operation, faultOf(code));
        const outcome = await ask(twin, image).catch((error: unknown) => error);
        expect(outcome).to.include({ name: 'Fault', code });
      });
    }
  }

  it('aborts open requests when one request fails', async () => {
    const root = put.platforms('web', ['linux/amd64', 'linux/arm64']);
    twin.hold(`content ${SOURCE}@${root.manifest.manifests[0]!.digest}`);
    twin.fail(`referrers ${SOURCE}@${root.manifest.manifests[1]!.digest}`, faultOf('RegistryDenied'));
    const outcome = await ask(twin, root).catch((error: unknown) => error);
    expect(outcome).to.include({ code: 'RegistryDenied' });
  });

  const limits = [
    { limit: { depth: 1 }, title: 'is deeper' },
    { limit: { manifests: 3 }, title: 'has more manifests' },
    { limit: { manifestBytes: 100 }, title: 'has more bytes of manifests' },
    { limit: { attachments: 1 }, title: 'has more attachments' },
  ];
  for (const { limit, title } of limits) {
    it(`throws LimitExceeded when a graph ${title} than allowed`, async () => {
      const image = put.image('web');
      put.referrer(put.referrer(image, SBOM), SBOM);
      put.referrer(image, 'application/vnd.in-toto+json');
      const outcome = await ask(twin, image, { limits: limit }).catch((error: unknown) => error);
      expect(outcome).to.include({ name: 'Fault', code: 'LimitExceeded', transient: false });
    });
  }

  it('fails when the image or a child of its index does not exist', async () => {
    const image = put.image('web');
    const root = put.index([describedBy(image)]);
    twin.remove(SOURCE, image.manifest.digest);
    for (const one of [image, root])
      expect(await ask(twin, one))
        .to.deep.include({ state: 'refused' })
        .and.nested.include({ 'reason.code': 'ImageNotFound' });
  });
});
