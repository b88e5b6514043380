import { expect } from 'chai';
import { pushShape, SHAPES, type Shape } from '../support/copy-shapes.ts';
import { startRegistry, type EmbeddedRegistry } from '../support/registry/index.ts';
import { refuse } from '../support/registry/misbehave.ts';
import { pushImage } from '../support/registry/push.ts';
import { openPromotionFixture, type PromotionFixture } from '../support/promotions/promotion-fixture.ts';

/** Small layers, because these tests count requests. */
const LAYER_BYTES = 1_000;
/** What cosign's tags cost at the target: a HEAD each, also where nothing is. */
const COSIGN_TAGS = { image: 0, index: 0, attached: 2, large: 0 } as const;

describe('the requests of a run', () => {
  let fixture: PromotionFixture;
  let into: EmbeddedRegistry;
  beforeEach(async () => {
    [fixture, into] = await Promise.all([openPromotionFixture(), startRegistry()]);
  });
  afterEach(async () => {
    await Promise.all([fixture.close(), into.close()]);
    expect(fixture.bugs).to.deep.equal([]);
  });

  const ways = {
    mirror: { mirror: { quarantine: false, provenance: false, history: false } },
    promotion: { promote: {} },
  } as const;
  const spec = (way: keyof typeof ways, tags: readonly string[]) => ({
    source: { repository: `${fixture.registry.host}/shop/web` },
    target: { repository: `${into.host}/gold/web` },
    tags: { explicit: tags },
    ...ways[way],
  });
  const place = (tag: string) => ({ registry: fixture.registry.host, repository: 'shop/web', tag });
  const pushed = (shape: Shape, tag: string) =>
    pushShape(place(tag), shape, { bytes: LAYER_BYTES, salt: tag });
  const counted = ({ requests }: Pick<EmbeddedRegistry, 'requests'>) =>
    requests.reduce<Record<string, number>>(
      (sum, { method }) => ({ ...sum, [method]: (sum[method] ?? 0) + 1 }),
      {},
    );
  async function resultsOf(way: keyof typeof ways, tags: readonly string[]) {
    fixture.registry.forgetLog();
    into.forgetLog();
    return (await fixture.run({ spec: spec(way, tags) })).results;
  }
  const run = async (...order: Parameters<typeof resultsOf>) =>
    (await resultsOf(...order)).map(({ decision }) => decision);

  for (const way of ['mirror', 'promotion'] as const) {
    for (const shape of ['image', 'index', 'attached'] as const) {
      const { manifests, blobs, listings } = SHAPES[shape];
      const arrived = way === 'mirror' ? 'Mirrored' : 'Promoted';

      it(`of a ${way} to a new repository are those of the copy of ${shape}, and the checks before and after`, async () => {
        await pushed(shape, '1');
        expect(await run(way, ['1'])).to.deep.equal([arrived]);
        expect(counted(fixture.registry)).to.deep.equal({ HEAD: 1, GET: manifests + blobs + listings + 1 });
        const attached = COSIGN_TAGS[shape];
        // An image to which nothing refers is pushed by its tag alone, and shows when that is read behind it.
        const byDigest = attached === 0 ? 0 : 1;
        expect(counted(into)).to.deep.equal({
          HEAD: 3 + byDigest + 2 * attached, // the tag when planned, before and after it moves; counted again: the image and its signatures
          GET: 1 + byDigest, // whether the repository exists; second count: a listing
          POST: blobs,
          PUT: blobs + manifests + byDigest,
        });
      });
    }

    it(`of a ${way} without a change are one HEAD per registry, whatever is attached`, async () => {
      await pushed('attached', '1');
      await run(way, ['1']);
      expect(await run(way, ['1'])).to.deep.equal(['UpToDate']);
      expect([counted(fixture.registry), counted(into)]).to.deep.equal([{ HEAD: 1 }, { HEAD: 1 }]);
    });
  }

  it('read in a new repository only blobs that another image has copied', async () => {
    const layers = [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', bytes: 'shared by two' }];
    for (const tag of ['1', '2']) await pushImage(place(tag), { salt: tag, layers });
    const shared = await run('mirror', ['1', '2']);
    expect(shared).to.deep.equal(['Mirrored', 'Mirrored']);
    expect(into.requests.filter(({ path }) => path.includes('/tags/list'))).to.have.lengthOf(1);
    const sent = into.requests.filter(({ method, path }) => method === 'PUT' && path.includes('/blobs/'));
    expect(sent).to.have.lengthOf(3); // two configs, one layer
  });

  it('check every blob when the repository exists and the image is new', async () => {
    await pushed('image', '1');
    await run('mirror', ['1']);
    await pushed('image', '2');
    expect(await run('mirror', ['2'])).to.deep.equal(['Mirrored']);
    const { blobs } = SHAPES.image;
    expect(counted(into)).to.deep.equal({ HEAD: 3 + 1 + blobs, GET: 1, POST: blobs, PUT: blobs + 1 });
  });

  it('check no blob for an empty list of tags, which some registries return for a missing repository', async () => {
    into.intercept(({ url }) =>
      url.pathname.endsWith('/tags/list')
        ? { status: 200, body: '{"name":"gold/web","tags":[]}' }
        : undefined,
    );
    await pushed('image', '1');
    expect(await run('mirror', ['1'])).to.deep.equal(['Mirrored']);
    expect(counted(into).HEAD).to.equal(3);
  });

  it('are reported per image, except those of the plan', async () => {
    for (const tag of ['1', '2']) await pushed('attached', tag);
    const results = await resultsOf('mirror', ['1', '2']);
    const reported = results.map(({ requests = 0 }) => requests);
    const planning = 2 * 2 + 2; // both sides of each tag, whether the repository exists, and the tags of the source, once
    const made = fixture.registry.requests.length + into.requests.length;
    expect(reported[0]! + reported[1]!).to.equal(made - planning);
    const [{ manifests, blobs }, tag] = [SHAPES.attached, 1];
    for (const one of reported) expect(one).to.be.greaterThan(2 * manifests + 2 * blobs + tag);
  });

  it('treat the repository as existing when the registry does not list tags', async () => {
    into.intercept(refuse('/tags/list', 403));
    await pushed('image', '1');
    expect(await run('mirror', ['1'])).to.deep.equal(['Mirrored']);
    expect(counted(into).HEAD).to.equal(3 + 1 + SHAPES.image.blobs);
  });
});
