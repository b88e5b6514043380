import { expect } from 'chai';
import { openPromotionFixture, type PromotionFixture } from '../../support/promotions/promotion-fixture.ts';
import { decisions, promotionPath } from '../../support/promotions/promotion-path.ts';
import { QUARANTINE, SBOM } from '../../support/promotions/quarantined.ts';
import { failure } from '../../support/registry/http.ts';
import { refuse } from '../../support/registry/misbehave.ts';
import { artifactTypesAbout } from '../../support/registry/listings.ts';
import { pushImage, pushIndex, pushReferrer, type Pushed } from '../../support/registry/push.ts';

/** Where manifests of the target are pushed. */
const PUSHED = /\/quarantine\/app\/manifests\/([^/]+)$/;

for (const referrersApi of [true, false])
  describe(`the flag of a mirrored image, ${referrersApi ? 'with the referrers API' : 'with fallback tags'}`, () => {
    let fixture: PromotionFixture;
    let nodes: readonly Pushed[] = [];
    const { place, mirror } = promotionPath(() => fixture);
    beforeEach(async () => {
      fixture = await openPromotionFixture({ referrersApi });
      const at = place('public/app');
      const platforms = await Promise.all(
        ['amd64', 'arm64'].map((architecture) =>
          pushImage(at, { salt: architecture, platform: { os: 'linux', architecture } }),
        ),
      );
      const root = await pushIndex({ ...at, tag: '1.0.0' }, { manifests: platforms });
      nodes = [...platforms, root];
    });
    afterEach(async () => {
      await fixture.close();
      expect(fixture.bugs).to.deep.equal([]);
    });

    const digests = () => nodes.map(({ digest }) => digest);
    const typesAbout = (digest: string) => artifactTypesAbout(place('quarantine/app'), digest);
    const there = async (): Promise<readonly string[]> => {
      const url = `${fixture.registry.url}/v2/quarantine/app/manifests`;
      const answers = await Promise.all(digests().map((digest) => fetch(`${url}/${digest}`)));
      return digests().filter((_, index) => answers[index]?.ok);
    };

    it('F41 is listed before the first of its manifests is pushed, once for each', async () => {
      const seen: (readonly [string, boolean])[] = [];
      fixture.registry.intercept(async ({ method, url }) => {
        const [, digest = ''] = PUSHED.exec(url.pathname) ?? [];
        if (method === 'PUT' && digests().includes(digest))
          seen.push([digest, (await typesAbout(digest)).includes(QUARANTINE)]);
        return undefined;
      });
      expect(decisions(await fixture.run({ spec: mirror() }))).to.deep.equal([['1.0.0', 'Mirrored']]);
      expect(new Map(seen)).to.deep.equal(new Map(digests().map((digest) => [digest, true])));
      for (const digest of digests())
        expect((await typesAbout(digest)).filter((type) => type === QUARANTINE)).to.have.lengthOf(1);
    });

    it('F41 stands on what a source leaves at the target that breaks after the image', async () => {
      const root = nodes.at(-1);
      if (!root) throw new Error('nothing was pushed');
      await pushReferrer(place('public/app'), {
        subject: root,
        artifactType: SBOM,
        blobs: [{ mediaType: SBOM, bytes: 'withheld' }],
      });
      fixture.registry.intercept(async (request, handle) => {
        // Nothing is mounted: bytes have to travel.
        if (request.url.searchParams.has('mount'))
          return handle({ ...request, url: new URL(request.url.pathname, request.url) });
        if (!request.url.pathname.startsWith('/v2/public/app/blobs/')) return undefined;
        const reply = await handle(request);
        const isWithheld = Buffer.from((reply.body ?? '') as Uint8Array).toString() === 'withheld';
        // Everything else has arrived by then.
        if (!isWithheld) return reply;
        while ((await there()).length < nodes.length) await new Promise(setImmediate);
        return failure(404, 'BLOB_UNKNOWN');
      });
      const { results } = await fixture.run({ spec: mirror() });
      expect(results[0]?.decision).to.equal('Failed');
      expect(await there()).to.have.lengthOf(nodes.length);
      for (const digest of digests()) expect(await typesAbout(digest)).to.include(QUARANTINE);
    });

    it('F41 comes behind the copy where the registry takes none of an image that it does not have', async () => {
      fixture.registry.intercept(async (request, handle) => {
        if (request.method !== 'PUT' || !PUSHED.test(request.url.pathname)) return undefined;
        const body = await request.body();
        const { subject } = JSON.parse(body.toString()) as { readonly subject?: { readonly digest: string } };
        const isEarly =
          subject && digests().includes(subject.digest) && !(await there()).includes(subject.digest);
        if (isEarly) return failure(404, 'MANIFEST_UNKNOWN');
        return handle({ ...request, body: () => Promise.resolve(body) });
      });
      expect(decisions(await fixture.run({ spec: mirror() }))).to.deep.equal([['1.0.0', 'Mirrored']]);
      for (const digest of digests()) expect(await typesAbout(digest)).to.include(QUARANTINE);
    });

    it('F41 that cannot be attached for now leaves nothing at the target', async () => {
      fixture.registry.intercept(refuse('/v2/quarantine/app/referrers/', 503, { 'retry-after': '0' }));
      const { results } = await fixture.run({ spec: mirror() });
      expect(results[0]?.decision).to.equal('Failed');
      expect(await there()).to.deep.equal([]);
    });
  });
