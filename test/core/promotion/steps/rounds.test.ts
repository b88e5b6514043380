import { setImmediate } from 'node:timers/promises';
import { expect } from 'chai';
import { digestOf } from '../../../../src/core/model/index.ts';
import { createExecution } from '../../../../src/core/promotion/execute.ts';
import { readSpec } from '../../../support/promotions/promotions.ts';
import { SILENT } from '../../../support/promotions/silent.ts';
import { faultOf } from '../../../support/twins/registry.ts';
import { createRegistriesTwin, type RegistriesTwin } from '../../../support/twins/registries.ts';
import { fill, repositoryOf, soon, SOURCE, TARGET } from '../images.ts';

/** Calls that take a round trip each. */
const CALLS = [
  ...['tags', 'tagDigest', 'content', 'manifest', 'referrers', 'fallbackReferrers'],
  ...['hasBlob', 'pushBlob', 'pushManifest'],
];
/** A mirror that writes nothing about an image. */
const PLAIN = { quarantine: false, provenance: false, history: false };
/** Turns of the event loop after which whatever was answered has asked what follows from it. */
const TURNS = 10;

let twin: RegistriesTwin;
let put: ReturnType<typeof fill>;
/** Calls that wait for the end of their round trip. */
let waiting: (() => void)[];

/** The twin, with calls that are only answered when all that can be asked by then is. */
function farAway(changed: Partial<RegistriesTwin> = {}): RegistriesTwin {
  const near: RegistriesTwin = { ...twin, ...changed };
  const answered = () => new Promise<void>((resolve) => waiting.push(resolve));
  const far = Object.entries(near).map(([name, call]: [string, unknown]) => {
    if (!CALLS.includes(name) || typeof call !== 'function') return [name, call];
    const delayed = async (...given: readonly unknown[]): Promise<unknown> => {
      await answered();
      return (call as (...all: readonly unknown[]) => unknown)(...given);
    };
    return [name, delayed];
  });
  const transferBlob: RegistriesTwin['transferBlob'] = async ({ onBytes, ...transfer }, signal) => {
    if (transfer.maybeThere) await answered();
    await answered(); // by the source, and by the target which begins an upload
    onBytes?.(transfer.blob.size);
    await answered();
    return near.transferBlob(transfer, signal);
  };
  return { ...(Object.fromEntries(far) as RegistriesTwin), transferBlob };
}

/** Mirrors the tag `web` from and to registries that are far away; answers how many round trips followed each other. */
async function roundsOf(registries = farAway(), mirror: object = PLAIN): Promise<number> {
  const spec = readSpec({
    ...{ source: { repository: SOURCE }, target: { repository: TARGET }, tags: { explicit: ['web'] } },
    mirror,
  });
  const execution = createExecution({
    ...{ spec, source: registries, target: registries },
    ...{ from: repositoryOf(SOURCE), to: repositoryOf(TARGET), scope: digestOf('scope') },
    run: { name: 'test/copy', id: 'copy', attempt: 1, actor: 'test' },
    startedAt: new Date(0),
    sourceAuthenticated: false,
    clock: () => new Date(0),
    judge: () => Promise.reject(new Error('nothing is judged here')),
    pause: () => Promise.resolve(),
    report: (error) => {
      throw error;
    },
    close: () => Promise.resolve(),
  });
  const run = async () => {
    const planned = await execution.plan(soon());
    if (planned.state === 'refused') throw new Error(planned.reason.detail);
    return execution.run(planned.images, { progress: SILENT, dryRun: false, approvals: () => [] }, soon());
  };
  let rounds = 0;
  const running = run();
  for (;;) {
    for (let turn = 0; turn < TURNS; turn += 1) await setImmediate();
    const answers = waiting.splice(0);
    if (answers.length === 0) break;
    rounds += 1;
    for (const answer of answers) answer();
  }
  const [row] = await running;
  expect(row).to.include({ decision: 'Mirrored' });
  return rounds;
}

/** Lets the tag be another image at the target. */
const inUse = (): void => void fill(twin, TARGET).image('before', { tag: 'web' });
/** What the target was asked for by digest. */
const asked = () => twin.calls.filter((call) => call.startsWith(`tagDigest ${TARGET}:web@`));
const platforms = () => put.platforms('web', ['linux/amd64', 'linux/arm64'], 'web');

describe('the round trips of a run that follow each other', () => {
  beforeEach(() => {
    twin = createRegistriesTwin();
    put = fill(twin);
    waiting = [];
  });

  it('are six for an image: its tag, its manifest, its blobs, their upload, the push of the tag and the read behind that', async () => {
    put.image('web', { tag: 'web' });
    expect(await roundsOf()).to.equal(6);
  });

  it('are eight for an index, whose children are read and pushed besides', async () => {
    platforms();
    expect(await roundsOf()).to.equal(8);
  });

  it('are one more where the target holds other images: it is asked for manifests while the source is', async () => {
    put.image('web', { tag: 'web' });
    inUse();
    expect(await roundsOf()).to.equal(7);
    expect(asked()).to.have.lengthOf(1);
  });

  it('are one more for an index where the target holds other images, and each manifest is asked for once', async () => {
    platforms();
    inUse();
    expect(await roundsOf()).to.equal(9);
    expect(asked()).to.have.lengthOf(3);
  });

  it('are as many for four platforms as for two, and seventeen with flags and records', async () => {
    put.platforms('web', ['linux/amd64', 'linux/arm64', 'linux/s390x', 'linux/ppc64le'], 'web');
    expect(await roundsOf(farAway(), { history: false })).to.equal(17);
  });

  it('bring only what is lacked: a child that was found is not pushed again', async () => {
    const { manifest } = platforms();
    inUse();
    fill(twin, TARGET).platforms('web', ['linux/amd64']);
    await roundsOf();
    expect(asked()).to.have.lengthOf(3);
    expect(twin.count('pushManifest', TARGET)).to.equal(2);
    expect(twin.peek(TARGET, 'web')?.manifest.digest).to.equal(manifest.digest);
  });

  it('are more where the target does not answer at first: it is asked again', async () => {
    platforms();
    inUse();
    let asks = 0;
    const tagDigest: RegistriesTwin['tagDigest'] = (ref, signal) => {
      if (ref.digest === undefined || (asks += 1) > 1) return twin.tagDigest(ref, signal);
      return Promise.reject(faultOf('RegistryUnavailable'));
    };
    expect(await roundsOf(farAway({ tagDigest }))).to.equal(11);
    expect(asks).to.equal(1 + 3);
  });
});
