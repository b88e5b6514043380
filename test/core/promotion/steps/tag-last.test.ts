import { expect } from 'chai';
import { digestOf, type ManifestContent } from '../../../../src/core/model/index.ts';
import { createExecution } from '../../../../src/core/promotion/execute.ts';
import { SILENT } from '../../../support/promotions/silent.ts';
import { readSpec } from '../../../support/promotions/promotions.ts';
import { faultOf } from '../../../support/twins/registry.ts';
import { createRegistriesTwin, type RegistriesTwin } from '../../../support/twins/registries.ts';
import { fill, repositoryOf, soon, SOURCE, TARGET } from '../images.ts';

const PLAIN = { quarantine: false, provenance: false, history: false };

let twin: RegistriesTwin;
let put: ReturnType<typeof fill>;
let now: number;

/** Mirrors the tag `web`, with some calls to the target changed. */
async function mirrored(mirror: object = PLAIN, changed: Partial<RegistriesTwin> = {}) {
  const spec = readSpec({
    source: { repository: SOURCE },
    target: { repository: TARGET },
    tags: { explicit: ['web'] },
    mirror,
  });
  const target: RegistriesTwin = { ...twin, ...changed };
  const execution = createExecution({
    ...{ spec, source: twin, target, from: repositoryOf(SOURCE), to: repositoryOf(TARGET) },
    scope: digestOf('scope'),
    run: { name: 'test/copy', id: 'copy', attempt: 1, actor: 'test' },
    startedAt: new Date(0),
    sourceAuthenticated: false,
    clock: () => new Date(now),
    judge: () => Promise.reject(new Error('nothing is judged here')),
    pause: () => Promise.resolve(),
    report: (error) => {
      throw error;
    },
    close: () => Promise.resolve(),
  });
  const planned = await execution.plan(soon());
  if (planned.state === 'refused') throw new Error(planned.reason.detail);
  twin.calls.length = 0;
  const order = { progress: SILENT, dryRun: false, approvals: () => [] };
  const [row] = await execution.run(planned.images, order, soon());
  return row;
}

/** What is asked of the target, in order; an image is named by its digest or by its tag. */
const calls = (): readonly string[] =>
  twin.calls.filter((call) => call.includes(TARGET)).map((call) => call.replace(/:\w+@/, '@'));
const manifestCalls = (): readonly string[] =>
  calls().filter((call) => /^(?:tagDigest|pushManifest) /.test(call));
const byDigest = ({ manifest }: ManifestContent): string => `${TARGET}@${manifest.digest}`;

describe('the tag of an image', () => {
  beforeEach(() => {
    twin = createRegistriesTwin();
    put = fill(twin);
    now = 0;
  });

  it('brings an image about which nothing else is written: it is read, pushed and read again', async () => {
    put.image('web', { tag: 'web' });
    expect(await mirrored()).to.include({ decision: 'Mirrored' });
    expect(manifestCalls()).to.deep.equal([
      `tagDigest ${TARGET}:web`,
      `pushManifest ${TARGET}:web`,
      `tagDigest ${TARGET}:web`,
    ]);
  });

  it('is pushed behind the children of an index, which are pushed by their digests', async () => {
    const index = put.platforms('web', ['linux/amd64', 'linux/arm64'], 'web');
    await mirrored();
    expect(twin.count('pushManifest', TARGET)).to.equal(3);
    expect(manifestCalls()).not.to.include(`pushManifest ${byDigest(index)}`);
    expect(manifestCalls().slice(-2)).to.deep.equal([
      `pushManifest ${TARGET}:web`,
      `tagDigest ${TARGET}:web`,
    ]);
  });

  it('comes behind the image by its digest where something refers to it, which is counted there before', async () => {
    const image = put.image('web', { tag: 'web' });
    put.referrer(image, 'application/spdx+json');
    expect(await mirrored()).to.include({ decision: 'Mirrored' });
    const before = calls().slice(0, calls().indexOf(`pushManifest ${TARGET}:web`));
    expect(before).to.include.members([
      `pushManifest ${byDigest(image)}`,
      `tagDigest ${byDigest(image)}`,
      `referrers ${byDigest(image)}`,
    ]);
  });

  for (const mark of ['quarantine', 'provenance'])
    it(`comes behind the image by its digest with ${mark}`, async () => {
      const image = put.image('web', { tag: 'web' });
      await mirrored({ ...PLAIN, [mark]: true });
      expect(manifestCalls()).to.include.members([
        `pushManifest ${byDigest(image)}`,
        `tagDigest ${byDigest(image)}`,
      ]);
    });

  const theirs = (): void => {
    if (!twin.peek(TARGET, 'web')) fill(twin, TARGET).image('web', { tag: 'web', layers: ['theirs'] });
  };

  it('P26 stays where another client moved it while blobs were on their way', async () => {
    put.image('web', { tag: 'web' });
    const transferBlob: RegistriesTwin['transferBlob'] = (...given) => {
      theirs();
      return twin.transferBlob(...given);
    };
    const row = await mirrored(PLAIN, { transferBlob });
    expect(row).to.include({ decision: 'Blocked', reason: 'TargetMoved' });
    expect(twin.count('pushManifest', `${TARGET}:web`)).to.equal(0);
  });

  it('P26 is read again where the target takes long to confirm the last blobs', async () => {
    put.image('web', { tag: 'web' });
    const transferBlob: RegistriesTwin['transferBlob'] = async (...given) => {
      const how = await twin.transferBlob(...given);
      now += 1_001;
      theirs();
      return how;
    };
    const row = await mirrored(PLAIN, { transferBlob });
    expect(row).to.include({ decision: 'Blocked', reason: 'TargetMoved' });
    expect(twin.count('pushManifest', `${TARGET}:web`)).to.equal(0);
  });

  it('is read again where it could not be read ahead', async () => {
    put.image('web', { tag: 'web' });
    let reads = 0;
    const tagDigest: RegistriesTwin['tagDigest'] = (...given) => {
      reads += 1; // the first is of the plan
      return reads === 2 ? Promise.reject(faultOf('RegistryUnavailable')) : twin.tagDigest(...given);
    };
    expect(await mirrored(PLAIN, { tagDigest })).to.include({ decision: 'Mirrored' });
    expect(reads).to.equal(4);
  });

  it('is read again behind a push that broke off, and found where that push has moved it', async () => {
    put.image('web', { tag: 'web' });
    let pushes = 0;
    const pushManifest: RegistriesTwin['pushManifest'] = async (to, ...given) => {
      await twin.pushManifest(to, ...given);
      pushes += 1;
      throw faultOf('RegistryUnavailable');
    };
    expect(await mirrored(PLAIN, { pushManifest })).to.include({ decision: 'Mirrored' });
    expect(pushes).to.equal(1);
  });

  it('is confirmed by a read: an image that was taken and not kept is CopyIncomplete', async () => {
    put.image('web', { tag: 'web' });
    const pushManifest: RegistriesTwin['pushManifest'] = async (...given) => {
      await twin.pushManifest(...given);
      twin.remove(TARGET, 'web');
    };
    expect(await mirrored(PLAIN, { pushManifest })).to.include({
      decision: 'Failed',
      reason: 'CopyIncomplete',
    });
  });
});
