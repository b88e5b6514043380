import { expect } from 'chai';
import { digestOf } from '../../../src/core/model/index.ts';
import {
  openPromotionFixture,
  shipKey,
  type PromotionFixture,
} from '../../support/promotions/promotion-fixture.ts';
import { refuse } from '../../support/registry/misbehave.ts';
import { listTags } from '../../support/registry/listings.ts';
import { pushImage, pushManifest, pushBlob, pushTag } from '../../support/registry/push.ts';
import { SILENT } from '../../support/promotions/silent.ts';
import type { LeftOut, PlannedImage } from '../../../src/core/promotion/index.ts';

const DAY = 24 * 3_600_000;
const BEGIN = Date.parse('2026-11-24T12:00:00Z');
const LIST = 'pratique-first-seen';

describe('minAge by first seen', () => {
  let fixture: PromotionFixture;
  let now = BEGIN;
  const key = shipKey();
  const secrets = { key: { 'cosign.key': key.pem } };
  const place = (repository: string) => ({ registry: fixture.registry.host, repository });
  const push = (tag: string, salt = tag) => pushImage({ ...place('quarantine/app'), tag }, { salt });
  const spec = (promote: object = {}, tags: object = {}, more: object = {}) => ({
    source: { repository: `${fixture.registry.host}/quarantine/app` },
    target: { repository: `${fixture.registry.host}/golden/app` },
    tags: { semver: ['*'], minAge: '72h', ...tags },
    ...('mirror' in more ? {} : { promote }),
    ...more,
  });
  const signed = { sign: { secretRef: { name: 'key' } } };
  interface Seen {
    readonly images: readonly PlannedImage[];
    readonly leftOut: readonly LeftOut[];
  }
  const planOf = async (given: Record<string, unknown>, records: boolean): Promise<Seen> => {
    const execution = await fixture.open({ spec: given, secrets });
    const signal = AbortSignal.timeout(50_000);
    try {
      const plan = await execution.plan(signal, undefined, { records });
      if (plan.state === 'refused') throw new Error(plan.reason.detail);
      if (records)
        await execution.run(plan.images, { progress: SILENT, dryRun: false, approvals: () => [] }, signal);
      return { images: plan.images, leftOut: plan.leftOut ?? [] };
    } finally {
      await execution.close();
    }
  };
  const run = (given: Record<string, unknown> = spec()): Promise<Seen> => planOf(given, true);
  const taken = ({ images }: Seen): readonly string[] => images.map(({ tag }) => tag);
  const young = ({ leftOut }: Seen): readonly string[] =>
    leftOut.flatMap(({ tag, why }) => (why === 'TooYoung' ? [tag] : []));
  const after = (days: number): void => {
    now = BEGIN + days * DAY;
  };
  /** A list as someone writes it who can push to the target. */
  const forge = async (
    entries: object,
    repository = `${fixture.registry.host}/golden/app`,
  ): Promise<void> => {
    const statement = {
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ name: repository, digest: { sha256: 'a'.repeat(64) } }],
      predicateType: 'https://pratique.dev/first-seen/v1',
      predicate: { repository, entries },
    };
    const at = place('golden/app');
    const config = await pushBlob(at, { mediaType: 'application/vnd.oci.empty.v1+json', bytes: '{}' });
    const layer = await pushBlob(at, {
      mediaType: 'application/vnd.in-toto+json',
      bytes: JSON.stringify(statement),
    });
    await pushManifest(
      { ...at, tag: LIST },
      { schemaVersion: 2, mediaType: 'application/vnd.oci.image.manifest.v1+json', config, layers: [layer] },
    );
  };

  beforeEach(async () => {
    now = BEGIN;
    fixture = await openPromotionFixture({}, {}, { opening: { clock: () => new Date(now) } });
  });
  afterEach(async () => {
    await fixture.close();
    expect(fixture.bugs).to.deep.equal([]);
  });

  for (const [how, promote] of [
    ['without a key', {}],
    ['signed', signed],
  ] as const)
    it(`P43 takes an image three days after a run has met its digest, ${how}, whatever it claims`, async () => {
      await push('1.0.0');
      const given = spec(promote);
      expect(young(await run(given))).to.deep.equal(['1.0.0']);
      after(2.9);
      await push('2.0.0');
      expect(young(await run(given))).to.have.members(['2.0.0', '1.0.0']);
      after(3);
      expect(taken(await run(given))).to.deep.equal(['1.0.0']);
      expect(await listTags(place('golden/app'))).to.include.members(['1.0.0', LIST]);
      after(6);
      expect(taken(await run(given))).to.have.members(['2.0.0', '1.0.0']);
    });

  it('P43 writes nothing where it is only planned', async () => {
    await push('1.0.0');
    await planOf(spec(), false);
    await fixture.run({ spec: spec(), dryRun: true });
    expect(await listTags(place('golden/app'))).to.deep.equal([]);
  });

  it('P43 binds the age to the digest: a tag that moves is young, one that moves back is not', async () => {
    const first = await push('1.0.0', 'old');
    await run();
    after(4);
    await push('1.0.0', 'new');
    expect(young(await run())).to.deep.equal(['1.0.0']);
    await pushTag(place('quarantine/app'), '1.0.0', first);
    expect((await run()).images[0]).to.include({ tag: '1.0.0', digest: first.digest });
  });

  it('P43 promotes the digest whose age it has judged, also where the tag moves meanwhile', async () => {
    const first = await push('1.0.0', 'old');
    await run();
    after(4);
    let moved = false;
    const evil = await pushImage(place('quarantine/app'), { salt: 'evil' });
    fixture.registry.intercept(async ({ url }) => {
      if (moved || !url.pathname.includes(LIST)) return undefined;
      moved = true;
      await pushTag(place('quarantine/app'), '1.0.0', evil);
      return undefined;
    });
    const { images } = await planOf(spec(), false);
    expect([moved, images[0]?.digest]).to.deep.equal([true, first.digest]);
  });

  it('P44 believes no list that its own key has not signed, nor one of another repository', async () => {
    const { digest } = await push('1.0.0');
    await forge({ [digest]: '2026-01-02T00:00:00Z' });
    expect(young(await run(spec(signed)))).to.deep.equal(['1.0.0']);
    // Written anew by the signer; the list of another repository, put in its place, counts for nothing.
    after(4);
    expect(taken(await run(spec(signed)))).to.deep.equal(['1.0.0']);
    const other = { target: { repository: `${fixture.registry.host}/golden/other` } };
    const stored = fixture.registry.content().get('golden/app')!;
    const body = JSON.parse(stored.manifests.get(stored.tags.get(LIST)!)!.bytes.toString()) as {
      layers: { digest: string }[];
    };
    const at = place('golden/other');
    for (const one of [body.layers[0]!.digest, digestOf('{}')])
      await pushBlob(at, { mediaType: 'application/octet-stream', bytes: stored.blobs.get(one)!.toString() });
    await pushManifest({ ...at, tag: LIST }, body);
    expect(young(await run(spec(signed, {}, other)))).to.deep.equal(['1.0.0']);
  });

  it('P44 takes an unreadable list, an unreadable date and one of a clock that was not set for none', async () => {
    const { digest } = await push('1.0.0');
    for (const entries of [{ [digest]: 'yesterday' }, { [digest]: '1970-01-01T00:00:00Z' }, [digest], {}]) {
      await forge(entries);
      expect(young(await planOf(spec(), false)), JSON.stringify(entries)).to.deep.equal(['1.0.0']);
    }
    await forge({ [digest]: '2026-01-02T00:00:00Z' }, 'registry.example.com/other');
    expect(young(await planOf(spec(), false))).to.deep.equal(['1.0.0']);
  });

  it('P44 makes nothing old by a clock that goes back or ahead', async () => {
    await push('1.0.0');
    await run();
    after(-30);
    await push('2.0.0');
    expect(young(await run())).to.have.members(['1.0.0', '2.0.0']);
    after(2);
    expect(young(await run())).to.have.members(['1.0.0', '2.0.0']);
    after(3);
    expect(taken(await run())).to.have.members(['1.0.0', '2.0.0']);
  });

  it('P44 keeps what two writers add at the same time', async () => {
    await push('1.0.0');
    await Promise.all([run(), run(spec({}, { include: ['.'], semver: [] }))]);
    await push('2.0.0');
    await run();
    after(3);
    expect(taken(await run())).to.have.members(['2.0.0', '1.0.0']);
  });

  it('P44 reports a list that cannot be written, and takes what is in it all the same', async () => {
    await push('1.0.0');
    await run();
    after(3);
    await push('2.0.0');
    fixture.registry.intercept(
      refuse(({ method, url }) => method === 'PUT' && url.pathname.endsWith(LIST), 403),
    );
    const { images } = await planOf(spec(), true);
    expect(images.find(({ tag }) => tag === LIST)).to.include({ action: 'Fail', reason: 'RegistryDenied' });
    expect(images.find(({ tag }) => tag === '1.0.0')).to.include({ action: 'Move' });
  });

  it('takes what a mirror has brought already for arrived, so that its flag is proven in each run', async () => {
    await push('1.0.0');
    const mirror = (tags: object) => spec({}, tags, { mirror: {} });
    expect(taken(await run(mirror({ minAge: undefined })))).to.deep.equal(['1.0.0']);
    expect((await run(mirror({}))).images[0]).to.include({ tag: '1.0.0', action: 'UpToDate' });
  });

  it('P43 takes no image for old because someone has put it under the golden tag', async () => {
    await push('1.0.0');
    await pushImage({ ...place('golden/app'), tag: '1.0.0' }, { salt: '1.0.0' });
    expect(young(await run())).to.deep.equal(['1.0.0']);
  });

  it('counts by what images claim where that is asked', async () => {
    await pushImage(
      { ...place('quarantine/app'), tag: '1.0.0' },
      {
        annotations: { 'org.opencontainers.image.created': '2024-01-01T00:00:00Z' },
      },
    );
    const given = spec({}, { minAge: { duration: '72h', by: 'Claimed' } });
    expect(taken(await planOf(given, false))).to.deep.equal(['1.0.0']);
    expect(young(await planOf(spec({}, { minAge: { duration: '72h' } }), false))).to.deep.equal(['1.0.0']);
  });
});
