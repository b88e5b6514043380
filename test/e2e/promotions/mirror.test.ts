import { expect } from 'chai';
import { digestOf } from '../../../src/core/model/index.ts';
import { listTags } from '../../support/registry/listings.ts';
import { pushImage, pushIndex, pushReferrer, type Pushed, type Target } from '../../support/registry/push.ts';
import { openCosign, type Cosign, type KeyPair } from '../support/programs/cosign.ts';
import { deleteManifest, layerOf, manifestAt, referrersAt } from '../support/promotions/registry-reads.ts';
import { inShort, openPromoter, promotion, type Promoter } from '../support/promotions/promoter.ts';
import { openReaders, type Readers } from '../support/promotions/readers.ts';
import { startDistribution, startOlareg, type Registry } from '../support/promotions/registries.ts';
import { alpineSbom, pushAlpine } from '../support/promotions/scans.ts';
import { watch } from '../support/promotions/watched-registry.ts';
import { openWorkspace, type Workspace } from '../support/programs/workspace.ts';

const QUARANTINE = 'application/vnd.pratique.quarantine.v1+json';
const IN_TOTO = 'application/vnd.in-toto+json';
const COSIGN_SIGN = 'https://sigstore.dev/cosign/sign/v1';
const CYCLONEDX = 'application/vnd.cyclonedx+json';
const PACKAGES = { zlib: '1.3.1-r1' };
const VERIFY = ['--insecure-ignore-tlog', '--allow-http-registry'];

for (const { name, starts } of [
  {
    name: 'from distribution into olareg, which has the referrers API',
    starts: [startDistribution, startOlareg],
  },
  {
    name: 'from olareg into distribution, which has no referrers API',
    starts: [startOlareg, startDistribution],
  },
] as const) {
  describe(`pratique promote mirrors ${name}`, () => {
    let upstream: Registry;
    let own: Registry;
    let cosign: Cosign;
    let cosign2: Cosign;
    let vendor: KeyPair;
    let promoter: Promoter;
    let workspace: Workspace;
    let readers: Readers;
    before(async () => {
      [upstream, own, cosign, cosign2, promoter, workspace] = await Promise.all([
        starts[0](),
        starts[1](),
        openCosign(),
        openCosign('cosign2'),
        openPromoter(),
        openWorkspace('readers'),
      ]);
      readers = await openReaders(workspace);
      vendor = await cosign.createKeyPair('vendor');
    });
    after(async () => {
      await Promise.all([upstream, own, cosign, cosign2, promoter].map((each) => each.stop()));
      await workspace.close();
    });

    const from = (repository: string): Target => ({ registry: upstream.host, repository });
    const to = (repository: string): Target => ({ registry: own.host, repository });
    const mirror = (source: Target, target: Target, more: object = {}) =>
      promotion({
        source: { repository: `${source.registry}/${source.repository}` },
        target: { repository: `${target.registry}/${target.repository}` },
        mirror: {},
        ...more,
      });

    /** An index of two platforms, signed by cosign in both ways, with an SBOM beside the index and one of its children. */
    async function pushNode(
      place: Target,
    ): Promise<{ index: Pushed; first: Pushed; children: readonly Pushed[] }> {
      const children = await Promise.all(
        ['amd64', 'arm64'].map((architecture) => pushAlpine(place, PACKAGES, architecture)),
      );
      const [first] = children;
      if (first === undefined) throw new Error('there is no platform');
      const manifests = children.map((child, n) => ({
        ...child,
        platform: { os: 'linux', architecture: n === 0 ? 'amd64' : 'arm64' },
      }));
      const index = await pushIndex({ ...place, tag: '22.4.1' }, { manifests });
      await cosign.sign(index.reference, { key: vendor, format: 'bundle' });
      // cosign 2 reads only bundles when there is one. For cosign 2 this image has none.
      await cosign2.sign(first.reference, { key: vendor, format: 'legacy' });
      await cosign.sign(index.reference, { key: vendor, format: 'legacy' });
      for (const subject of [index, first])
        await pushReferrer(place, {
          subject,
          artifactType: CYCLONEDX,
          blobs: [{ mediaType: CYCLONEDX, bytes: alpineSbom(PACKAGES) }],
        });
      return { index, first, children };
    }

    it('an image with all its attachments, flagged, with its provenance', async () => {
      const [source, target] = [from('library/node'), to('quarantine/node')];
      const { index, first, children } = await pushNode(source);
      const ran = await promoter.promote([mirror(source, target)]);
      expect([ran.code, ...inShort(ran)], ran.stderr).to.deep.equal([0, '22.4.1 Mirrored']);
      expect(ran.rows[0]).to.deep.include({
        digest: index.digest,
        attachments: { found: 5, carried: 5, leftByRule: 0 },
      });
      expect(await manifestAt(target, '22.4.1')).to.equal(JSON.stringify(index.body));
      for (const each of [index, ...children]) {
        expect(await manifestAt(target, each.digest)).to.equal(JSON.stringify(each.body));
        const there = await referrersAt(source, each.digest);
        const here = await referrersAt(target, each.digest);
        const carried = there.map(({ digest }) => digest);
        expect(here.length).to.equal(new Set(here.map(({ digest }) => digest)).size);
        const made = here.filter(({ digest }) => !carried.includes(digest));
        expect(here.map(({ digest }) => digest)).to.include.members(carried);
        expect(made.map(({ artifactType }) => artifactType)).to.have.members([QUARANTINE, IN_TOTO]);
      }
      const [record] = (await referrersAt(target, first.digest)).filter(
        ({ artifactType }) => artifactType === IN_TOTO,
      );
      expect(await layerOf(target, record?.digest ?? '')).to.deep.include({
        predicateType: 'https://toddysm.com/acquisition-provenance/v0.1',
        subject: [
          {
            name: `${own.host}/quarantine/node`,
            digest: { sha256: first.digest.slice('sha256:'.length) },
          },
        ],
      });
      const signatures = [index, first].map(({ digest }) => `${digest.replace(':', '-')}.sig`);
      expect(await listTags(target)).to.include.members(['22.4.1', 'mirror-history', ...signatures]);
      for (const tag of signatures)
        expect(await manifestAt(target, tag)).to.equal(await manifestAt(source, tag));

      const image = `${own.host}/quarantine/node@${index.digest}`;
      const key = `--key=${vendor.publicKey}`;
      await cosign.run(['verify', ...VERIFY, key, image]);
      await cosign.run(['verify', ...VERIFY, '--new-bundle-format=false', key, image]);
      await cosign2.run(['verify', ...VERIFY, key, `${own.host}/quarantine/node@${first.digest}`]);
      const tree = await cosign.run(['tree', '--allow-http-registry', image]);
      for (const kind of [QUARANTINE, IN_TOTO, CYCLONEDX, COSIGN_SIGN, signatures[0]])
        expect(tree).to.include(kind);
    });

    it('a graph that crane, oras and regctl read exactly as at its source', async () => {
      const [source, target] = [from('library/go'), to('quarantine/go')];
      const { index } = await pushNode(source);
      const bare = { quarantine: false, provenance: false, history: false };
      const ran = await promoter.promote([mirror(source, target, { mirror: bare })]);
      expect([ran.code, ...inShort(ran)], ran.stderr).to.deep.equal([0, '22.4.1 Mirrored']);
      const names = [source, target].map(({ registry, repository }) => `${registry}/${repository}:22.4.1`);
      for (const read of [readers.oras, readers.regctl]) {
        const [there, here] = await Promise.all(names.map(read));
        expect(here).to.deep.equal(there);
        expect(here?.digest).to.equal(index.digest);
        expect(here?.referrers).to.have.lengthOf(2);
      }
      for (const image of names) expect(await readers.crane(image)).to.equal(index.digest);
    });

    it('existing tags with a HEAD per registry, the image and the listing that has its flag, besides tags and history', async () => {
      const source = from('library/app');
      for (const tag of ['1.0.0', '1.1.0', '1.2.0']) await pushImage({ ...source, tag }, { salt: tag });
      const [upstreamProxy, ownProxy] = [await watch(upstream.host), await watch(own.host)];
      try {
        const documents = [
          mirror(
            { registry: upstreamProxy.host, repository: 'library/app' },
            { registry: ownProxy.host, repository: 'quarantine/app' },
          ),
        ];
        expect((await promoter.promote(documents)).code).to.equal(0);
        upstreamProxy.forget();
        ownProxy.forget();
        const again = await promoter.promote(documents);
        expect([again.code, ...inShort(again)]).to.deep.equal([
          0,
          '1.2.0 UpToDate',
          '1.1.0 UpToDate',
          '1.0.0 UpToDate',
        ]);
        const heads = (repository: string) =>
          ['1.0.0', '1.1.0', '1.2.0'].map((tag) => `HEAD /v2/${repository}/manifests/${tag}`);
        expect(upstreamProxy.requests()).to.have.members([
          'GET /v2/library/app/tags/list',
          ...heads('library/app'),
        ]);
        const asked = ownProxy.requests().map((one) => one.replace(/sha256[:-].*/, ''));
        // Without the API the listing is under the fallback tag.
        const listing = starts[1] === startOlareg ? ['referrers'] : ['referrers', 'manifests'];
        const flagged = ['manifests', ...listing].map((path) => `GET /v2/quarantine/app/${path}/`);
        expect(asked).to.have.members([
          'GET /v2/quarantine/app/manifests/mirror-history',
          'GET /v2/quarantine/app/blobs/',
          ...heads('quarantine/app'),
          ...[1, 2, 3].flatMap(() => flagged),
        ]);
      } finally {
        await Promise.all([upstreamProxy.stop(), ownProxy.stop()]);
      }
    });

    it('O04 an image whose flag was deleted, by attaching it again', async () => {
      const [source, target] = [from('library/flag'), to('quarantine/flag')];
      const image = await pushImage({ ...source, tag: '1.0.0' }, { salt: 'flag' });
      const run = () => promoter.promote([mirror(source, target)]);
      const flags = async () =>
        (await referrersAt(target, image.digest)).filter(({ artifactType }) => artifactType === QUARANTINE);
      await run();
      const [flag] = await flags();
      await deleteManifest(target, flag?.digest ?? '');
      const listing = await manifestAt(target, image.digest.replace(':', '-'));
      if (listing !== undefined) await deleteManifest(target, digestOf(listing));
      expect(await flags()).to.deep.equal([]);
      const again = await run();
      expect(inShort(again)).to.deep.equal(['1.0.0 UpToDate']);
      expect(again.rows[0]?.message).to.match(/quarantine flag .* attached again/);
      expect(await flags()).to.have.lengthOf(1);
    });

    it('a deleted image only when it is forced', async () => {
      const [source, target] = [from('library/old'), to('quarantine/old')];
      const image = await pushImage({ ...source, tag: '1.0.0' }, { salt: 'old' });
      const run = async (more: object) => inShort(await promoter.promote([mirror(source, target, more)]));
      expect(await run({})).to.deep.equal(['1.0.0 Mirrored']);
      await deleteManifest(target, image.digest);
      expect(await run({})).to.deep.equal(['1.0.0 Skipped MirroredBefore']);
      expect(await run({ mirror: { force: true } })).to.deep.equal(['1.0.0 Mirrored']);
      const history = await layerOf(target, 'mirror-history');
      expect(history).to.have.property('source', `${upstream.host}/library/old`);
      expect(history).to.have.property('entries').with.lengthOf(2);
    });
  });
}
