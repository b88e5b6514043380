import { expect } from 'chai';
import { listTags } from '../../../support/registry/listings.ts';
import { pushBlob, pushManifest } from '../../../support/registry/push.ts';
import { policy } from '../../support/installation/policies.ts';
import { promotion } from '../../support/promotions/promotions.ts';
import { startDistribution, type Registry } from '../../support/promotions/registries.ts';
import { until } from '../../support/wait.ts';
import { at, type Around } from './context.ts';

const ALL = 500;
const BLOCKED = 20;
const BROKEN = 5;
const ARRIVE = ALL - BLOCKED - BROKEN;
/** Concurrent pushes. */
const AT_ONCE = 50;
const MAX_STATUS_BYTES = 100 * 1024;
const WITHIN_MS = 90_000;
const EMPTY = 'application/vnd.oci.empty.v1+json';
const LAYER = 'application/vnd.oci.image.layer.v1.tar';

interface EventSeen {
  readonly action: string;
  readonly regarding: { readonly kind: string; readonly name: string };
  readonly series?: object;
}

/** Five hundred tags in one promotion. */
export function describeMany(around: () => Around): void {
  describe('five hundred tags', () => {
    let golden: Registry;
    const source = () => ({ registry: around().fixture.registry.host, repository: 'many' });
    const events = async () => {
      const { items } = JSON.parse(
        await around().flow.kubectl('get', 'events.events.k8s.io', '-o', 'json'),
      ) as {
        items: readonly EventSeen[];
      };
      return items.filter(({ regarding }) => /^many(-|$)/.test(regarding.name));
    };
    const ended = (promoted: number, upToDate: number) =>
      around().flow.until(
        'many',
        'the end of the run',
        ({ status }) => {
          const { counts } = status ?? {};
          return counts?.promoted === promoted && counts.upToDate === upToDate;
        },
        WITHIN_MS,
      );

    before(async () => {
      golden = await startDistribution();
      const { fixture } = around();
      await fixture.cluster.apply(
        policy('sturdy', `${fixture.registry.host}/many`, { require: { lifecycle: {} } }),
      );
      await pushMany(source());
    });
    after(() => golden.stop());

    it('are promoted when the gates pass, with a small status and one event for each other tag', async () => {
      const { flow, fixture } = around();
      await flow.apply(
        promotion('many', {
          source: at('many', fixture.registry),
          target: at('golden/many', golden),
          tags: { semver: ['*'] },
          promote: { policies: ['sturdy'] },
          maxParallelImages: 16,
        }),
      );
      await ended(ARRIVE, 0);
      const { status } = await flow.promotion('many');
      expect(status?.counts).to.include({ candidates: ALL, blocked: BLOCKED, failed: BROKEN });
      expect(await listTags({ registry: golden.host, repository: 'golden/many' })).to.have.lengthOf(ARRIVE);
      const [run] = await flow.runsOf('many');
      for (const seen of [status, run?.status])
        expect(Buffer.byteLength(JSON.stringify(seen))).to.be.below(MAX_STATUS_BYTES);
      const counted = ['ImagePromotion Blocked', 'ImagePromotion Failed', 'ImagePromotionRun Run'];
      let reported: readonly number[] = [];
      const count = async () => {
        const seen = (await events()).map(({ regarding, action }) => `${regarding.kind} ${action}`);
        reported = counted.map((what) => seen.filter((one) => one === what).length);
        return reported.reduce((sum, each) => sum + each, 0) > BLOCKED + BROKEN;
      };
      await until({ what: 'the events', withinMs: 20_000, everyMs: 300, check: count });
      expect(reported).to.deep.equal([BLOCKED, BROKEN, 1]);
    });

    it('cause no report on the second run', async () => {
      const before = await events();
      await around().flow.kubectl('annotate', 'ipr/many', 'reconcile.pratique.dev/requestedAt=again');
      await ended(0, ARRIVE);
      expect(await events()).to.have.lengthOf(before.length);
      expect(before.filter(({ series }) => series !== undefined)).to.deep.equal([]);
    });
  });
}

/** Images that share all their blobs; some are past their end of life, and some have lost their layer. */
async function pushMany(place: { readonly registry: string; readonly repository: string }): Promise<void> {
  const config = await pushBlob(place, { mediaType: EMPTY, bytes: '{}' });
  const layer = await pushBlob(place, { mediaType: LAYER, bytes: 'layer' });
  const lost = await pushBlob(place, { mediaType: LAYER, bytes: 'lost' });
  const image = (index: number) => ({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config,
    layers: [index < BROKEN ? lost : layer],
    annotations: {
      'com.acme.number': String(index),
      ...(index >= ALL - BLOCKED && { 'dev.pratique.lifecycle.end-of-life': '2020-01-01' }),
    },
  });
  for (let first = 0; first < ALL; first += AT_ONCE)
    await Promise.all(
      Array.from({ length: AT_ONCE }, (_, offset) =>
        pushManifest({ ...place, tag: `1.${String(first + offset)}.0` }, image(first + offset)),
      ),
    );
  const path = `http://${place.registry}/v2/${place.repository}/blobs/${lost.digest}`;
  const gone = await fetch(path, { method: 'DELETE' });
  expect(gone.status).to.equal(202);
}
