import { expect } from 'chai';
import { Fault } from '../../../src/core/model/index.ts';
import type { ImageResult, PlannedImage } from '../../../src/core/promotion/index.ts';
import { SILENT } from '../../support/promotions/silent.ts';
import { listReferrers, listTags } from '../../support/registry/listings.ts';
import { pushImage, pushIndex } from '../../support/registry/push.ts';
import {
  openPromotionFixture,
  shipKey,
  type PromotionFixture,
  type PromotionInput,
} from '../../support/promotions/promotion-fixture.ts';

const STARTED = new Date('2026-11-24T12:00:00Z');
const REPOSITORIES = ['public/app', 'quarantine/app', 'golden/app'];
const key = shipKey();
const secrets = { 'cosign-key': { 'cosign.key': key.pem } };
const sign = { secretRef: { name: 'cosign-key' } };

const ARRIVED = { mirror: 'Mirrored', promote: 'Promoted' };

/** Ends the process at a given moment, whatever it was about to do. */
const DEATH = new Fault({
  code: 'Cancelled',
  operation: 'run',
  side: 'cluster',
  transient: false,
  detail: 'killed',
});

/** One image of two platforms at the source, and one that is about to be superseded at the target. */
async function load({ registry }: PromotionFixture): Promise<void> {
  const place = (repository: string) => ({ registry: registry.host, repository });
  for (const from of ['public/app', 'quarantine/app']) {
    const manifests = await Promise.all(
      ['amd64', 'arm64'].map((architecture) =>
        pushImage(place(from), { salt: architecture, platform: { os: 'linux', architecture } }),
      ),
    );
    await pushIndex({ ...place(from), tag: '1.4.2' }, { manifests });
  }
  await pushImage({ ...place('golden/app'), tag: '1.4.1' }, { salt: 'older' });
}

function runOf(kind: 'mirror' | 'promote', { registry }: PromotionFixture): PromotionInput {
  const at = (path: string) => ({ repository: `${registry.host}/${path}` });
  const tags = { semver: ['*'] };
  const spec =
    kind === 'mirror'
      ? { source: at('public/app'), target: at('quarantine/mirror'), tags, mirror: { sign } }
      : {
          source: at('quarantine/app'),
          target: at('golden/app'),
          tags,
          promote: {
            sign: { ...sign, format: 'Both' },
            supersede: { endOfLifeAfter: '24h' },
            deleteSource: true,
          },
        };
  return { spec, secrets, startedAt: STARTED };
}

/** The visible content: tags with their digests and referrers; signatures by their claims, not by their bytes. */
async function look({ registry }: PromotionFixture): Promise<unknown> {
  const seen: unknown[] = [];
  for (const repository of [...REPOSITORIES, 'quarantine/mirror']) {
    const place = { registry: registry.host, repository };
    for (const tag of [...(await listTags(place))].sort()) {
      const answer = await fetch(`${registry.url}/v2/${repository}/manifests/${tag}`);
      const body = (await answer.json()) as {
        readonly layers?: readonly unknown[];
        readonly manifests?: readonly { readonly digest: string }[];
      };
      const digest = answer.headers.get('docker-content-digest') ?? '';
      const about = [digest, ...(body.manifests ?? []).map((child) => child.digest)];
      const referrers = await Promise.all(
        about.map(async (one) =>
          (await listReferrers(place, one))
            .map(({ artifactType, annotations }) => JSON.stringify([artifactType, annotations]))
            .sort(),
        ),
      );
      const bytes = tag.startsWith('sha256-') ? `${String(body.layers?.length)} layers` : digest;
      seen.push([repository, tag, bytes, referrers]);
    }
  }
  return seen;
}

/** Runs a stored plan until `dies` returns true, as the controller does. */
async function run(
  fixture: PromotionFixture,
  run: PromotionInput,
  planned: readonly PlannedImage[],
  onStep?: (death: AbortController) => void,
): Promise<readonly ImageResult[]> {
  const execution = await fixture.open(run);
  const death = new AbortController();
  const progress = {
    ...SILENT,
    onStep: () => {
      onStep?.(death);
    },
  };
  try {
    const resumed = onStep === undefined;
    return await execution.run(
      planned,
      { progress, dryRun: false, resumed, approvals: () => [] },
      death.signal,
    );
  } finally {
    await execution.close();
  }
}

for (const kind of ['mirror', 'promote'] as const)
  describe(`a ${kind} that is killed`, () => {
    let fixture: PromotionFixture;
    let planned: readonly PlannedImage[];
    let undisturbed: unknown;
    let steps = 0;
    let requests: readonly string[] = [];

    const fresh = async (): Promise<void> => {
      fixture.registry.reset();
      await load(fixture);
      const execution = await fixture.open(runOf(kind, fixture));
      const found = await execution.plan(AbortSignal.timeout(50_000));
      await execution.close();
      planned = found.state === 'planned' ? found.images : [];
      fixture.registry.forgetLog();
    };

    before(async () => {
      fixture = await openPromotionFixture();
      await fresh();
      const results = await run(fixture, runOf(kind, fixture), planned, () => {
        steps += 1;
      });
      expect(results.map(({ decision }) => decision)).to.deep.equal([
        kind === 'mirror' ? 'Mirrored' : 'Promoted',
      ]);
      requests = fixture.registry.requests.map(({ method }) => method);
      undisturbed = await look(fixture);
    });
    after(async () => {
      await fixture.close();
      expect(fixture.bugs).to.deep.equal([]);
    });

    it('P02 at any step boundary ends like one that was not interrupted', async function () {
      this.timeout(60_000);
      expect(steps).to.be.greaterThan(4);
      for (let boundary = 1; boundary <= steps; boundary += 1) {
        await fresh();
        let seen = 0;
        const killed = await run(fixture, runOf(kind, fixture), planned, (death) => {
          seen += 1;
          if (seen === boundary) death.abort(DEATH);
        });
        expect(killed[0], `boundary ${String(boundary)}`).to.include({
          decision: 'Failed',
          reason: 'Cancelled',
        });
        const [resumed] = await run(fixture, runOf(kind, fixture), planned);
        expect(resumed).to.include({ decision: ARRIVED[kind] });
        expect(await look(fixture), `boundary ${String(boundary)}`).to.deep.equal(undisturbed);
      }
    });

    it('F43 behind its tag is reported as what it is: its image has arrived by this run', async () => {
      await fresh();
      let seen = 0;
      await run(fixture, runOf(kind, fixture), planned, (death) => {
        seen += 1;
        if (seen === steps) death.abort(DEATH);
      });
      const reported: string[] = [];
      const onResult = ({ decision }: ImageResult) => void reported.push(decision);
      const execution = await fixture.open(runOf(kind, fixture));
      const order = { progress: { ...SILENT, onResult }, dryRun: false, resumed: true, approvals: () => [] };
      await execution.run(planned, order, AbortSignal.timeout(50_000));
      await execution.close();
      expect(reported).to.deep.equal([ARRIVED[kind]]);
    });

    it('P02 before or after any write ends like one that was not interrupted, also after a new plan', async function () {
      this.timeout(120_000);
      const writes = requests.filter((method) => method !== 'GET' && method !== 'HEAD').length;
      expect(writes).to.be.greaterThan(10);
      for (let survived = 0; survived < writes; survived += 1) {
        await fresh();
        const death = new AbortController();
        let done = 0;
        fixture.registry.intercept(({ method }) => {
          if (method === 'GET' || method === 'HEAD' || death.signal.aborted)
            return death.signal.aborted ? 'hang up' : undefined;
          done += 1;
          if (done <= survived) return undefined;
          death.abort(DEATH);
          return 'hang up';
        });
        const execution = await fixture.open(runOf(kind, fixture));
        const order = { progress: SILENT, dryRun: false, approvals: () => [] };
        await execution.run(planned, order, death.signal);
        await execution.close();
        fixture.registry.intercept(undefined);
        // The command makes a new plan; the controller continues with the stored one.
        if (survived % 2 === 0) await fixture.run(runOf(kind, fixture));
        else {
          const [resumed] = await run(fixture, runOf(kind, fixture), planned);
          expect(resumed).to.include({ decision: ARRIVED[kind] });
        }
        expect(await look(fixture), `after ${String(survived)} writes`).to.deep.equal(undisturbed);
      }
    });
  });
