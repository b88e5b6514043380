import { setImmediate } from 'node:timers/promises';
import { expect } from 'chai';
import { digestOf, type Digest } from '../../../../src/core/model/index.ts';
import { openKeySigner } from '../../../../src/clients/sigstore/index.ts';
import { createExecution } from '../../../../src/core/promotion/execute.ts';
import { shipKey } from '../../../support/promotions/promotion-fixture.ts';
import { readSpec } from '../../../support/promotions/promotions.ts';
import { SILENT } from '../../../support/promotions/silent.ts';
import { createRegistriesTwin, type RegistriesTwin } from '../../../support/twins/registries.ts';
import { fill, repositoryOf, soon, SOURCE, TARGET } from '../images.ts';

let twin: RegistriesTwin;
/** What was pushed to the target, in order. */
let pushed: {
  readonly tag: string | undefined;
  readonly digest: Digest;
  readonly about: Digest | undefined;
}[];

/** Runs a promotion of the tag `web` once. */
async function run(spec: object, changed: Partial<RegistriesTwin> = {}) {
  const opened = await openKeySigner({ pem: shipKey().pem });
  if (!opened.ok) throw new Error('a fresh key could not be opened');
  const target: RegistriesTwin = {
    ...twin,
    pushManifest: async (to, content, signal) => {
      await twin.pushManifest(to, content, signal);
      const { digest, subject } = content.manifest;
      pushed.push({ tag: to.digest ? undefined : to.tag, digest, about: subject?.digest });
    },
    ...changed,
  };
  const execution = createExecution({
    spec: readSpec({
      ...{ source: { repository: SOURCE }, target: { repository: TARGET }, tags: { explicit: ['web'] } },
      ...spec,
    }),
    ...{ source: twin, target, from: repositoryOf(SOURCE), to: repositoryOf(TARGET), signer: opened.value },
    scope: digestOf('scope'),
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
  const planned = await execution.plan(soon());
  if (planned.state === 'refused') throw new Error(planned.reason.detail);
  const order = { progress: SILENT, dryRun: false, approvals: () => [] };
  const [row] = await execution.run(planned.images, order, soon());
  return row;
}

const index = () => fill(twin).platforms('web', ['linux/amd64', 'linux/arm64'], 'web').manifest;
const sign = { secretRef: { name: 'key' } };

describe('what is written about an image', () => {
  beforeEach(() => {
    twin = createRegistriesTwin();
    pushed = [];
  });

  for (const format of ['Bundle', 'Both'])
    it(`W14 is released last, behind its platforms and its own signature, in the format ${format}`, async () => {
      const { digest, manifests } = index();
      expect(await run({ promote: { sign: { ...sign, format } } })).to.include({ decision: 'Promoted' });
      const tag = pushed.findIndex((one) => one.tag === 'web');
      expect(tag).to.equal(pushed.length - 1);
      const of = (about: Digest): readonly number[] =>
        pushed.flatMap((one, at) => (one.about === about ? [at] : []));
      const [signature = -1, release = -1] = of(digest);
      expect(release).to.be.greaterThan(signature);
      for (const child of manifests) expect(Math.max(...of(child.digest))).to.be.within(0, release - 1);
    });

  it('W14 is not released where one of its platforms cannot be', async () => {
    const { digest, manifests } = index();
    const [, child] = manifests;
    const referrers: RegistriesTwin['referrers'] = async (image, signal) => {
      // The signature of the index is written at the same time: it comes first here.
      const waits = (): boolean =>
        image.digest === child?.digest && !pushed.some(({ about }) => about === digest);
      for (let n = 0; n < 100_000 && waits(); n += 1) await setImmediate();
      if (image.digest === child?.digest) throw new Error('killed');
      return twin.referrers(image, signal);
    };
    await run({ promote: { sign: { ...sign, format: 'Bundle' } } }, { referrers }).catch(() => undefined);
    expect(pushed.filter(({ about }) => about === digest)).to.have.lengthOf(1); // the signature
    expect(pushed.filter((one) => one.tag === 'web')).to.deep.equal([]);
  });

  it('W15 has its flags at the target before its first manifest, while blobs arrive already', async () => {
    const { digest, manifests } = index();
    const all = [digest, ...manifests.map((one) => one.digest)];
    await run({ mirror: { quarantine: true, provenance: false, history: false } });
    const first = pushed.findIndex((one) => all.includes(one.digest));
    const flagged = pushed.slice(0, first).map(({ about }) => about);
    expect(flagged).to.have.members(all);
    const names = twin.calls.map((call) => call.split(' ')[0]);
    expect(names.indexOf('transferBlob')).to.be.lessThan(names.indexOf('pushManifest'));
  });

  it('has a record for itself and each platform before its tag', async () => {
    const { digest, manifests } = index();
    await run({ mirror: { quarantine: false, provenance: true, history: false } });
    expect(pushed.at(-1)?.tag).to.equal('web');
    expect(pushed.flatMap(({ about }) => about ?? [])).to.have.members([
      digest,
      ...manifests.map((one) => one.digest),
    ]);
  });
});
