import { expect } from 'chai';
import { digestOf } from '../../../../src/core/model/index.ts';
import { countAttachments } from '../../../../src/core/promotion/graph/graph.ts';
import { faultOf } from '../../../support/twins/registry.ts';
import { createRegistriesTwin, type RegistriesTwin } from '../../../support/twins/registries.ts';
import { describedBy, fill, SOURCE } from '../images.ts';
import { digests, gather } from './fixture.ts';

const SBOM = 'application/spdx+json';
const HOST = 'registry.example.com';

let twin: RegistriesTwin;
let put: ReturnType<typeof fill>;

describe('gathering', () => {
  beforeEach(() => {
    twin = createRegistriesTwin();
    put = fill(twin);
  });

  it('finds children, blobs, referrers of every manifest and of referrers, and tags of cosign', async () => {
    const inner = put.platforms('inner', ['linux/s390x']);
    const a = put.image('a');
    const root = put.index([describedBy(a), describedBy(inner)]);
    const onRoot = put.referrer(root, SBOM);
    const onChild = put.referrer(a, SBOM);
    const onReferrer = put.referrer(onChild, 'application/vnd.dev.sigstore.bundle.v0.3+json');
    const nested = inner.manifest.manifests[0]!.digest;
    const onNested = put.referrer(twin.peek(SOURCE, nested)!, SBOM);
    for (const digest of [root.manifest.digest, a.manifest.digest]) put.cosign(digest, 'sig', ['x']);
    const graph = await gather(twin, root);
    const expected = [a, inner, root, onRoot, onChild, onReferrer, onNested].map(
      ({ manifest }) => manifest.digest,
    );
    expect(digests(graph)).to.have.members([...expected, nested]);
    expect(graph.tagged.map(({ of }) => of)).to.have.members([root.manifest.digest, a.manifest.digest]);
    expect(countAttachments(graph)).to.deep.equal({ found: 6, carried: 6, leftByRule: 0 });
    expect(graph.blobs.map(({ digest }) => digest).sort()).to.deep.equal(twin.contents(SOURCE).blobs);
  });

  it('lists each manifest after the manifests that it needs, in whatever order the answers arrive', async () => {
    const root = put.platforms('web', ['linux/amd64', 'linux/arm64']);
    const sbom = put.referrer(root, SBOM);
    const signature = put.referrer(sbom, 'application/vnd.dev.sigstore.bundle.v0.3+json');
    const release = twin.hold(`content ${SOURCE}@${root.manifest.manifests[0]!.digest}`);
    const gathering = gather(twin, root);
    release();
    const order = digests(await gathering);
    const children = root.manifest.manifests.map(({ digest }) => digest);
    expect(order).to.deep.equal([
      ...children,
      root.manifest.digest,
      sbom.manifest.digest,
      signature.manifest.digest,
    ]);
  });

  it('sends one request per manifest, one per listing and one for the tags', async () => {
    const root = put.platforms('web', ['linux/amd64', 'linux/arm64', 'linux/s390x', 'linux/ppc64le']);
    put.referrer(root, SBOM);
    put.referrer(root, 'application/vnd.in-toto+json');
    put.cosign(root.manifest.digest, 'sig', ['a']);
    put.cosign(root.manifest.digest, 'att', ['b']);
    await gather(twin, root);
    const manifests = 5 + 2 + 2;
    const listings = 5 + 2;
    expect(twin.count('content')).to.equal(manifests);
    expect(twin.count('referrers')).to.equal(listings);
    expect(twin.calls).to.have.length(manifests + listings + 1);
  });

  it('reads the tags of cosign one by one when there are too many tags to list', async () => {
    const image = put.image('web');
    put.cosign(image.manifest.digest, 'sig', ['a']);
    twin.fail('tags', faultOf('LimitExceeded', false));
    expect((await gather(twin, image)).tagged).to.have.length(1);
  });

  it('finds the signature of an SBOM under a tag', async () => {
    const image = put.image('web');
    const sbom = put.cosign(image.manifest.digest, 'sbom', ['s']);
    put.cosign(sbom.manifest.digest, 'sig', ['a']);
    expect((await gather(twin, image)).tagged.map(({ of }) => of)).to.deep.equal([
      image.manifest.digest,
      sbom.manifest.digest,
    ]);
  });

  it('lists each blob once, the largest first', async () => {
    const root = put.index(
      ['a', 'b'].map((salt) =>
        describedBy(
          put.image(salt, {
            layers: ['shared, and long enough to be the largest of them all, by some margin', salt],
          }),
        ),
      ),
    );
    const sizes = (await gather(twin, root)).blobs.map(({ size }) => size);
    expect(sizes).to.deep.equal([...sizes].sort((x, y) => y - x));
    expect(sizes).to.have.length(5);
  });

  it('leaves out foreign layers', async () => {
    const config = twin.putBlob(SOURCE, '{}', 'application/vnd.oci.image.config.v1+json');
    const foreign = {
      mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
      digest: digestOf('f'),
      size: 1,
      urls: ['https://example.com/f'],
    };
    const image = twin.putManifest(SOURCE, {
      schemaVersion: 2,
      mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
      config,
      layers: [foreign],
    });
    expect((await gather(twin, image)).blobs.map(({ digest }) => digest)).to.deep.equal([config.digest]);
  });

  it('reads a fallback tag besides the referrers API', async () => {
    const image = put.image('web');
    twin.manners(HOST, { referrersApi: false });
    const sbom = put.referrer(image, SBOM);
    twin.manners(HOST, { referrersApi: true });
    expect(digests(await gather(twin, image))).to.include(sbom.manifest.digest);
  });
});
